#include "grade/evaluate.h"

#include <algorithm>

#include "grade/evaluator.h"

namespace ebb {
namespace {

namespace mp = boost::multiprecision;

constexpr int kPoints = 16;
constexpr int kNeededPoints = 3;
// Values that differ by 10^45 and more in one computation are not told apart from noise: a cosine
// squares the difference.
constexpr double kMaxSpreadLog2 = 150;

uint64_t Mix(uint64_t x) {  // SplitMix64 (Steele, Lea, Flood 2014)
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Point `index` for variable `which`: 0-3 in (0, 1), 4-7 in (1, 10), 8-11 of either sign in
// (-4, 4), 12-15 small positive integers, for n! and (-1)^n.
Rational Coordinate(int index, size_t which) {
  const uint64_t random = Mix(Mix(static_cast<uint64_t>(index)) + which);
  const auto part = static_cast<int64_t>(random >> 8);
  switch (index / 4) {
    case 0:
      return Rational(1 + part % 96, 97);
    case 1:
      return Rational(90 + part % 790, 89);
    case 2:
      return Rational(((random & 1) != 0 ? 1 : -1) * (1 + part % 400), 101);
    default:
      return Rational(1 + (part + static_cast<int64_t>(which)) % 12);
  }
}

bool Mentions(const MathExpr& expr, MathOp op) {
  return expr.op == op || std::any_of(expr.args.begin(), expr.args.end(),
                                      [&](const MathExpr& arg) { return Mentions(arg, op); });
}

bool HasLongLiteral(const MathExpr& expr) {
  if (expr.op == MathOp::kNumber && BitLength(expr.number) > 128) return true;
  return std::any_of(expr.args.begin(), expr.args.end(), HasLongLiteral);
}

// What two expressions are at a point.
struct Both {
  EvalState state = EvalState::kUndecided;  // kUndefined: neither has a value
  MathValue a;
  MathValue b;
  double scale_log2 = 0;
};

// Evaluates two expressions at the points, one by one.
class Pointwise {
 public:
  Pointwise(const MathExpr& a, const MathExpr& b, WorkBudget* budget)
      : a_(a), b_(b), budget_(budget) {
    names_ = VariablesOf(a);
    const std::vector<std::string> more = VariablesOf(b);
    names_.insert(names_.end(), more.begin(), more.end());
    std::sort(names_.begin(), names_.end());
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
    complex_ = Mentions(a, MathOp::kImaginary) || Mentions(b, MathOp::kImaginary);
    long_literal_ = HasLongLiteral(a) || HasLongLiteral(b);
  }

  int points() const { return names_.empty() ? 1 : kPoints; }
  int needed() const { return names_.empty() ? 1 : kNeededPoints; }

  Both At(int index) const {
    MathPoint point;
    for (size_t i = 0; i < names_.size(); ++i) point[names_[i]] = Coordinate(index, i);
    Both both;
    Evaluator first(&point, complex_, budget_);
    Evaluator second(&point, complex_, budget_);
    const EvalState a = first.Evaluate(a_, &both.a);
    if (a == EvalState::kUndecided) return both;
    const EvalState b = second.Evaluate(b_, &both.b);
    if (a != b) return both;  // also where only one is defined
    both.state = a;
    both.scale_log2 = std::max(first.largest_log2(), second.largest_log2());
    const bool inexact = a == EvalState::kDefined && !(both.a.exact && both.b.exact);
    const double smallest = std::min(first.smallest_log2(), second.smallest_log2());
    if (inexact && (long_literal_ || both.scale_log2 - smallest > kMaxSpreadLog2)) {
      both.state = EvalState::kUndecided;
    }
    return both;
  }

 private:
  const MathExpr& a_;
  const MathExpr& b_;
  WorkBudget* budget_;
  std::vector<std::string> names_;
  bool complex_ = false;
  bool long_literal_ = false;
};

// |x| is noise of a computation with values of about 2^scale_log2.
bool IsNoise(const Real& x, double scale_log2) {
  if (x == 0) return true;
  return static_cast<double>(x.backend().order()) * 3.3219280948873623 < scale_log2 - 270;
}

bool SameAt(const Both& both) {
  if (both.a.exact && both.b.exact) return both.a.q == both.b.q;
  return IsNoise(RealPart(both.a) - RealPart(both.b), both.scale_log2) &&
         IsNoise(ImaginaryPart(both.a) - ImaginaryPart(both.b), both.scale_log2);
}

bool IsZero(const MathValue& value, double scale_log2) {
  if (value.exact) return value.q == 0;
  return IsNoise(value.re, scale_log2) && IsNoise(value.im, scale_log2);
}

}  // namespace

bool SameValue(const MathExpr& a, const MathExpr& b, WorkBudget* budget) {
  if (a == b) return true;
  const Pointwise points(a, b, budget);
  int defined = 0;
  for (int i = 0; i < points.points(); ++i) {
    const Both both = points.At(i);
    if (both.state == EvalState::kUndecided) return false;
    if (both.state == EvalState::kUndefined) continue;
    if (!SameAt(both)) return false;
    ++defined;
  }
  return defined >= points.needed();
}

bool SameUpToFactor(const MathExpr& a, const MathExpr& b, bool positive, WorkBudget* budget) {
  if (a == b) return true;
  const Pointwise points(a, b, budget);
  int zeros = 0;
  int defined = 0;
  // The first pair that is not zero; a later pair has the same ratio if a x b0 = a0 x b.
  std::optional<Both> first;
  for (int i = 0; i < points.points(); ++i) {
    const Both both = points.At(i);
    if (both.state == EvalState::kUndecided) return false;
    if (both.state == EvalState::kUndefined) continue;
    const bool zero = IsZero(both.a, both.scale_log2);
    if (zero != IsZero(both.b, both.scale_log2)) return false;
    if (zero) {
      ++zeros;
      continue;
    }
    // Complex factors are not looked for.
    if (ImaginaryPart(both.a) != 0 || ImaginaryPart(both.b) != 0) return false;
    const bool exact = both.a.exact && both.b.exact;
    if (positive && (RealPart(both.a) < 0) != (RealPart(both.b) < 0)) return false;
    if (!first) {
      first = both;
    } else if (exact && first->a.exact && first->b.exact) {
      if (both.a.q * first->b.q != first->a.q * both.b.q) return false;
    } else {
      const Real left = RealPart(both.a) * RealPart(first->b);
      const Real right = RealPart(first->a) * RealPart(both.b);
      if (!IsNoise(left - right, both.scale_log2 + first->scale_log2)) return false;
    }
    ++defined;
  }
  return defined >= points.needed() || (defined == 0 && zeros >= points.needed());
}

bool IsRounded(const MathExpr& exact, const Rational& rounded, int decimals, WorkBudget* budget) {
  if (decimals < 0 || decimals > 60) return false;
  const MathPoint nowhere;
  Evaluator evaluator(&nowhere, false, budget);
  MathValue value;
  if (evaluator.Evaluate(exact, &value) != EvalState::kDefined) return false;
  MathValue other;
  other.q = rounded;
  if (!value.exact && value.im != 0) return false;
  const Real real = RealPart(value);
  if (rounded == 0 && !(value.exact && value.q == 0)) return false;
  const Real unit = mp::pow(Real(10), -decimals);
  const Real distance = mp::abs(Real(real - RealPart(other)));
  if (2 * distance <= unit) return true;
  // 0.66 for 2/3: cut off.
  return decimals > 0 && distance < unit && mp::abs(RealPart(other)) < mp::abs(real);
}

std::optional<Rational> ExactValue(const MathExpr& expr) {
  const MathPoint nowhere;
  WorkBudget budget{20000};
  Evaluator evaluator(&nowhere, false, &budget);
  MathValue value;
  if (evaluator.Evaluate(expr, &value) != EvalState::kDefined || !value.exact) return std::nullopt;
  return value.q;
}

}  // namespace ebb
