// When two answers are equal. It fails closed: what is not surely equal is not.
#pragma once

#include <string_view>

#include "grade/answer.h"
#include "grade/evaluate.h"

namespace ebb {

// By which rule two answers were compared; docs/grading.md describes each.
enum class CompareRule {
  kNone,      // there was nothing to compare
  kMismatch,  // two kinds that are never equal
  kLiteral,
  kNumber,
  kExpression,
  kTuple,
  kInterval,
  kSet,
  kList,
  kUnion,
  kMatrix,
  kEquation,
  kInequality,
  kBase,
  kRatio,
  kText,
  kChoice,
};
[[nodiscard]] std::string_view CompareRuleName(CompareRule rule);

struct Comparison {
  bool equal = false;
  CompareRule rule = CompareRule::kNone;
};

// Thread-safety: pure. Time is bounded by a budget of work; what cannot be decided within it is
// unequal. The two sides differ in one point only: a prediction may name what it found (x = 5, for
// a gold answer of 5) and a gold answer x = 5 may be predicted as 5, but y = 2x + 1 is not 2x + 1.
[[nodiscard]] Comparison CompareAnswers(const Answer& gold, const Answer& predicted);

}  // namespace ebb
