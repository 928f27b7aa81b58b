// Whether two expressions mean the same, decided by computing both.
//
// Both are evaluated at the same fixed points: exactly in rationals as long as only rational
// operations are met, else with 100 decimal digits. Two different rational functions of small
// degree agree at a random point almost never (Schwartz 1980, Zippel 1979), so agreement at all
// points is taken as equality; one disagreement, one point at which only one of the two is defined,
// or anything that cannot be computed within the limits is inequality. Real numbers are meant,
// unless an i appears.
//
// Thread-safety: pure functions. Work is limited by a budget; when it is spent, nothing more is
// equal.
#pragma once

#include "grade/expression.h"

namespace ebb {

// How much work a comparison may still do, in units of about a microsecond.
struct WorkBudget {
  int64_t units = 300000;
};

[[nodiscard]] bool SameValue(const MathExpr& a, const MathExpr& b, WorkBudget* budget);

// Whether a = c x b everywhere with a constant c that is not zero; `positive`: c > 0. Two that are
// zero everywhere count as such, too.
[[nodiscard]] bool SameUpToFactor(const MathExpr& a, const MathExpr& b, bool positive,
                                  WorkBudget* budget);

// Whether `rounded` is `exact`, a number without variables, rounded to `decimals` decimals or, if
// there are any, cut off behind them. 0 rounds nothing but 0.
[[nodiscard]] bool IsRounded(const MathExpr& exact, const Rational& rounded, int decimals,
                             WorkBudget* budget);

// The exact value of an expression without variables, if it has one.
[[nodiscard]] std::optional<Rational> ExactValue(const MathExpr& expr);

}  // namespace ebb
