// Grading: is a model's output right, and is it in the format that was asked for?
//
// PIA (pure inference accuracy): the one answer that the output commits to is right, wherever it
// stands. ICA (instruction compliance accuracy): it is right and stands in the format that was
// asked for. ICA implies PIA. docs/grading.md says by which rules.
//
// Thread-safety: a GoldAnswer is immutable after it was made; Grade() may be called on one from
// many threads. Time is linear in the output's size but for a bounded budget for mathematics.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "grade/answer.h"
#include "grade/compare.h"
#include "grade/extract.h"

namespace ebb {

struct GradeResult {
  bool equal = false;      // PIA
  bool in_format = false;  // an answer stands in the place asked for, right or wrong
  bool ica = false;        // equal and in_format
  std::string extracted;   // the answer as it was written; empty if there is none
  ExtractionTier tier = ExtractionTier::kNone;
  CompareRule rule = CompareRule::kNone;
};

class GoldAnswer {
 public:
  // `text`: a bare answer, or a reference solution that ends in "#### N" (GSM8K) or holds a
  // \boxed{..} (MATH). One without an answer in it is kInvalidArgument.
  [[nodiscard]] static Result<GoldAnswer> FromText(std::string_view text);

  // The answer as it was written.
  const std::string& text() const { return text_; }
  ExpectedAnswer expected() const { return expected_; }

  [[nodiscard]] GradeResult Grade(std::string_view output, AnswerFormat format) const;

 private:
  GoldAnswer() = default;

  std::string text_;
  Answer answer_;
  ExpectedAnswer expected_ = ExpectedAnswer::kMath;
  char choice_ = '\0';  // kChoice
};

}  // namespace ebb
