// Where in a model's output its answer stands. One answer is taken, by rules that never look at the
// gold answer's value, only at the kind of answer that was asked for; a gold number that merely
// occurs somewhere counts for nothing.
//
// Thread-safety: pure functions, time linear in the output's size; any bytes may come in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ebb {

// The place that the prompt asked the answer to be put in.
enum class AnswerFormat {
  kBoxed,  // the last \boxed{..} whose braces balance and that is not empty
  kHash,   // the last line with "#### answer"
  kJson,   // the last JSON object with the key "answer", a number or a string
};
[[nodiscard]] std::string_view AnswerFormatName(AnswerFormat format);
[[nodiscard]] std::optional<AnswerFormat> AnswerFormatFromName(std::string_view name);

// Which rule found the answer, in the order in which they are tried.
enum class ExtractionTier {
  kNone,         // no answer
  kFormat,       // the place that was asked for
  kOtherFormat,  // the place of another format
  kClause,       // behind the last "the answer is", "Answer:" or "A:"
  kWhole,        // the output is nothing but an answer
  kFinalMath,    // the last mathematics or bold text of the last paragraph
  kLastNumber,   // the last well-formed number
};
[[nodiscard]] std::string_view ExtractionTierName(ExtractionTier tier);

// The kind of answer that is asked for.
enum class ExpectedAnswer {
  kNumber,  // a number or a constant expression
  kMath,    // other mathematics
  kText,    // words
  kChoice,  // one of the letters A to J
};

struct Extraction {
  ExtractionTier tier = ExtractionTier::kNone;
  std::string text;  // empty for kNone
  bool in_format = false;
};

[[nodiscard]] Extraction ExtractAnswer(std::string_view output, AnswerFormat format,
                                       ExpectedAnswer expected);

// The answer in a reference solution: behind its last "####", else in its last \boxed{..}, else
// behind its "answer is", else all of it.
[[nodiscard]] std::string ExtractGold(std::string_view solution);

}  // namespace ebb
