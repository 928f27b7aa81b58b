#include "grade/evaluator.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "grade/evaluator_parts.h"

namespace ebb {
namespace {

namespace mp = boost::multiprecision;
using namespace evaluator_parts;

constexpr double kLog2Of10 = 3.3219280948873623;
// Cancellation noise of 100 digits lies below this share of the largest value met.
constexpr double kNoiseLog2 = -85 * kLog2Of10;

double Log2(const Real& value) { return static_cast<double>(value.backend().order()) * kLog2Of10; }

}  // namespace

Real RealPart(const MathValue& value) {
  if (!value.exact) return value.re;
  return Real(Integer(mp::numerator(value.q))) / Real(Integer(mp::denominator(value.q)));
}

Real ImaginaryPart(const MathValue& value) { return value.exact ? Real(0) : value.im; }

bool Evaluator::Spend(int64_t units) {
  budget_->units -= units;
  return budget_->units > 0;
}

EvalState Evaluator::Evaluate(const MathExpr& expr, MathValue* value) {
  // The libraries throw for overflow and division by zero that slipped through.
  try {
    return Eval(expr, false, value);
  } catch (const std::exception&) {
    return EvalState::kUndecided;
  }
}

EvalState Evaluator::Finish(MathValue* value, bool may_cancel) {
  if (value->exact) {
    const uint64_t bits = BitLength(value->q);
    if (bits > kMaxExactBits || !Spend(1 + static_cast<int64_t>(bits * bits / 200000))) {
      return EvalState::kUndecided;
    }
    if (value->q == 0) return EvalState::kDefined;
    const double size = Log2Magnitude(value->q);
    largest_ = std::max(largest_, size);
    smallest_ = std::min(smallest_, size);
    return EvalState::kDefined;
  }
  if (!Spend(2)) return EvalState::kUndecided;
  const bool zero = value->re == 0 && value->im == 0;
  for (Real* part : {&value->re, &value->im}) {
    if (!mp::isfinite(*part)) return EvalState::kUndecided;
    if (*part == 0) continue;
    const double size = Log2(*part);
    if (std::abs(size) > kMaxLog2) return EvalState::kUndecided;
    largest_ = std::max(largest_, size);
    if (size < largest_ + kNoiseLog2) {
      *part = 0;
    } else {
      smallest_ = std::min(smallest_, size);
    }
  }
  const bool vanished = !zero && value->re == 0 && value->im == 0;
  return vanished && !may_cancel ? EvalState::kUndecided : EvalState::kDefined;
}

EvalState Evaluator::Eval(const MathExpr& expr, bool in_angle, MathValue* value) {
  if (!Spend(1)) return EvalState::kUndecided;
  *value = MathValue();
  switch (expr.op) {
    case MathOp::kNumber:
      value->q = expr.number;
      return Finish(value);
    case MathOp::kVariable: {
      const auto found = point_->find(expr.name);
      if (found == point_->end()) return EvalState::kUndecided;
      value->q = found->second;
      return EvalState::kDefined;
    }
    case MathOp::kPi:
      SetReal(Pi(), value);
      return EvalState::kDefined;
    case MathOp::kEuler: {
      static const Real e = mp::exp(Real(1));
      SetReal(e, value);
      return EvalState::kDefined;
    }
    case MathOp::kImaginary:
      SetComplex(0, 1, value);
      return EvalState::kDefined;
    case MathOp::kInfinity:
    case MathOp::kOpaque:
      return EvalState::kUndecided;
    case MathOp::kSum:
      return EvalSum(expr, in_angle, value);
    case MathOp::kProduct:
      return EvalProduct(expr, in_angle, value);
    default:
      break;
  }
  const bool angle =
      in_angle || (expr.op == MathOp::kFunction && expr.name != "ln" && expr.name != "exp");
  MathValue first;
  EvalState state = Eval(expr.args[0], angle, &first);
  if (state != EvalState::kDefined) return state;
  if (expr.args.size() == 1) {
    state = EvalUnary(expr, first, in_angle, value);
  } else {
    MathValue second;
    state = Eval(expr.args[1], in_angle, &second);
    if (state != EvalState::kDefined) return state;
    state = EvalBinary(expr, first, second, value);
  }
  const bool may_cancel = expr.op == MathOp::kFunction && expr.name != "exp";
  return state == EvalState::kDefined ? Finish(value, may_cancel) : state;
}

EvalState Evaluator::EvalSum(const MathExpr& expr, bool in_angle, MathValue* value) {
  MathValue sum;
  for (const MathExpr& arg : expr.args) {
    MathValue term;
    const EvalState state = Eval(arg, in_angle, &term);
    if (state != EvalState::kDefined) return state;
    if (sum.exact && term.exact) {
      sum.q += term.q;
    } else {
      SetComplex(RealPart(sum) + RealPart(term), ImaginaryPart(sum) + ImaginaryPart(term), &sum);
    }
    const EvalState finished = Finish(&sum);
    if (finished != EvalState::kDefined) return finished;
  }
  *value = std::move(sum);
  return EvalState::kDefined;
}

EvalState Evaluator::EvalProduct(const MathExpr& expr, bool in_angle, MathValue* value) {
  MathValue product = Exact(1);
  for (const MathExpr& arg : expr.args) {
    MathValue factor;
    const EvalState state = Eval(arg, in_angle, &factor);
    if (state != EvalState::kDefined) return state;
    if (product.exact && factor.exact) {
      product.q *= factor.q;
    } else {
      const Real a = RealPart(product);
      const Real b = ImaginaryPart(product);
      const Real c = RealPart(factor);
      const Real d = ImaginaryPart(factor);
      SetComplex(a * c - b * d, a * d + b * c, &product);
    }
    const EvalState finished = Finish(&product);
    if (finished != EvalState::kDefined) return finished;
  }
  *value = std::move(product);
  return EvalState::kDefined;
}

EvalState Evaluator::EvalUnary(const MathExpr& expr, const MathValue& x, bool in_angle,
                               MathValue* value) {
  switch (expr.op) {
    case MathOp::kNegate:
      if (x.exact) {
        value->q = -x.q;
      } else {
        SetComplex(-x.re, -x.im, value);
      }
      return EvalState::kDefined;
    case MathOp::kAbs:
      if (x.exact) {
        value->q = mp::abs(x.q);
      } else {
        SetReal(mp::sqrt(Real(x.re * x.re + x.im * x.im)), value);
      }
      return EvalState::kDefined;
    case MathOp::kFloor:
    case MathOp::kCeiling: {
      // Only exactly: rounding noise could cross an integer.
      if (!x.exact) return EvalState::kUndecided;
      const Integer bottom(mp::denominator(x.q));
      const Integer top(mp::numerator(x.q));
      Integer floor = top / bottom;
      if (floor * bottom > top) floor -= 1;
      if (expr.op == MathOp::kCeiling && floor * bottom != top) floor += 1;
      value->q = Rational(floor);
      return EvalState::kDefined;
    }
    case MathOp::kFactorial:
      return Factorial(x, value);
    case MathOp::kDegree:
      // An angle in degrees is a number of them, but for a function it is an arc.
      if (in_angle) {
        if (!IsReal(x)) return EvalState::kUndecided;
        SetReal(RealPart(x) * Pi() / 180, value);
      } else {
        *value = x;
      }
      return EvalState::kDefined;
    case MathOp::kFunction:
      return Function(expr.name, x, value);
    default:
      return EvalState::kUndecided;
  }
}

EvalState Evaluator::EvalBinary(const MathExpr& expr, const MathValue& a, const MathValue& b,
                                MathValue* value) {
  switch (expr.op) {
    case MathOp::kDivide:
      return Divide(a, b, value);
    case MathOp::kPower:
      return Power(a, b, value);
    case MathOp::kRoot:
      return Root(a, b, value);
    case MathOp::kBinomial:
      return Binomial(a, b, value);
    case MathOp::kLog: {
      MathValue top;
      MathValue bottom;
      EvalState state = Logarithm(b, &top);
      if (state == EvalState::kDefined) state = Logarithm(a, &bottom);
      if (state != EvalState::kDefined) return state;
      return Divide(top, bottom, value);
    }
    default:
      return EvalState::kUndecided;
  }
}

EvalState Evaluator::Divide(const MathValue& a, const MathValue& b, MathValue* value) {
  if (IsZero(b)) return EvalState::kUndefined;
  if (a.exact && b.exact) {
    value->q = a.q / b.q;
    return EvalState::kDefined;
  }
  const Real c = RealPart(b);
  const Real d = ImaginaryPart(b);
  const Real norm = c * c + d * d;
  const Real re = RealPart(a);
  const Real im = ImaginaryPart(a);
  SetComplex((re * c + im * d) / norm, (im * c - re * d) / norm, value);
  return EvalState::kDefined;
}

}  // namespace ebb
