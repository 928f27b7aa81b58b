// The value of one expression at one point; what grade/evaluate.h compares.
#pragma once

#include <boost/multiprecision/cpp_dec_float.hpp>
#include <map>
#include <string>

#include "grade/evaluate.h"
#include "grade/expression.h"

namespace ebb {

using Real = boost::multiprecision::number<boost::multiprecision::cpp_dec_float<100>,
                                           boost::multiprecision::et_off>;

// Exact while `exact` is set (then only `q` counts), else re + im i.
struct MathValue {
  bool exact = true;
  Rational q = 0;
  Real re = 0;
  Real im = 0;
};

using MathPoint = std::map<std::string, Rational>;

enum class EvalState {
  kDefined,
  kUndefined,  // no value here: a division by zero, a real root of a negative number
  kUndecided,  // it may have one, but not within the limits
};

// Not thread-safe; one evaluator for each expression and point. Never throws.
class Evaluator {
 public:
  // With `complex`, roots, powers and logarithms of negative numbers are the principal ones.
  Evaluator(const MathPoint* point, bool complex, WorkBudget* budget)
      : point_(point), complex_(complex), budget_(budget) {}

  [[nodiscard]] EvalState Evaluate(const MathExpr& expr, MathValue* value);

  // About log2 of the largest value met on the way, and of the smallest that is not zero.
  double largest_log2() const { return largest_; }
  double smallest_log2() const { return smallest_; }

 private:
  EvalState Eval(const MathExpr& expr, bool in_angle, MathValue* value);
  EvalState EvalSum(const MathExpr& expr, bool in_angle, MathValue* value);
  EvalState EvalProduct(const MathExpr& expr, bool in_angle, MathValue* value);
  EvalState EvalUnary(const MathExpr& expr, const MathValue& x, bool in_angle, MathValue* value);
  EvalState EvalBinary(const MathExpr& expr, const MathValue& a, const MathValue& b,
                       MathValue* value);
  EvalState Divide(const MathValue& a, const MathValue& b, MathValue* value);
  EvalState Power(const MathValue& base, const MathValue& exponent, MathValue* value);
  EvalState RationalPower(const MathValue& base, const Rational& exponent, MathValue* value);
  EvalState ComplexPower(const MathValue& base, const MathValue& exponent, MathValue* value);
  EvalState Root(const MathValue& index, const MathValue& radicand, MathValue* value);
  EvalState Logarithm(const MathValue& x, MathValue* value);
  EvalState Function(const std::string& name, const MathValue& x, MathValue* value);
  EvalState Factorial(const MathValue& x, MathValue* value);
  EvalState Binomial(const MathValue& n, const MathValue& k, MathValue* value);

  bool Spend(int64_t units);
  // Checks size and range, tracks magnitudes. What is noise becomes zero if terms may have
  // cancelled; else a value that small is not told apart from zero, and undecided.
  EvalState Finish(MathValue* value, bool may_cancel = true);

  const MathPoint* point_;
  bool complex_;
  WorkBudget* budget_;
  double largest_ = -1e9;
  double smallest_ = 1e9;
};

// The value as a Real; it must be exact or have no imaginary part.
[[nodiscard]] Real RealPart(const MathValue& value);
[[nodiscard]] Real ImaginaryPart(const MathValue& value);

}  // namespace ebb
