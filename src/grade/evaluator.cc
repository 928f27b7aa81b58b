#include "grade/evaluator.h"

#include <algorithm>
#include <cmath>
#include <exception>

namespace ebb {
namespace {

namespace mp = boost::multiprecision;

constexpr int64_t kFunctionUnits = 60;  // a transcendental function of 100 digits
constexpr double kLog2Of10 = 3.3219280948873623;
// Cancellation noise of 100 digits lies below this share of the largest value met.
constexpr double kNoiseLog2 = -85 * kLog2Of10;
constexpr double kMaxLog2 = 300000;

double Log2(const Real& value) { return static_cast<double>(value.backend().order()) * kLog2Of10; }

const Real& Pi() {
  static const Real pi = mp::acos(Real(-1));
  return pi;
}

MathValue Exact(Rational q) {
  MathValue value;
  value.q = std::move(q);
  return value;
}

void SetReal(Real re, MathValue* value) {
  value->exact = false;
  value->re = std::move(re);
  value->im = 0;
}

void SetComplex(Real re, Real im, MathValue* value) {
  SetReal(std::move(re), value);
  value->im = std::move(im);
}

bool IsZero(const MathValue& value) {
  return value.exact ? value.q == 0 : value.re == 0 && value.im == 0;
}

bool IsReal(const MathValue& value) { return value.exact || value.im == 0; }

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

EvalState Evaluator::Finish(MathValue* value) {
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
  return EvalState::kDefined;
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
  return state == EvalState::kDefined ? Finish(value) : state;
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

EvalState Evaluator::Power(const MathValue& base, const MathValue& exponent, MathValue* value) {
  if (exponent.exact) return RationalPower(base, exponent.q, value);
  if (!IsReal(base) || !IsReal(exponent)) return ComplexPower(base, exponent, value);
  const Real x = RealPart(base);
  if (x == 0) return EvalState::kUndecided;
  if (x < 0) return complex_ ? ComplexPower(base, exponent, value) : EvalState::kUndefined;
  if (!Spend(2 * kFunctionUnits)) return EvalState::kUndecided;
  const Real log = exponent.re * mp::log(x);
  if (log > kMaxLog2 || log < -kMaxLog2) return EvalState::kUndecided;
  SetReal(mp::exp(log), value);
  return EvalState::kDefined;
}

EvalState Evaluator::RationalPower(const MathValue& base, const Rational& exponent,
                                   MathValue* value) {
  const auto whole = SmallInteger(exponent, 1 << 20);
  if (IsZero(base)) {
    if (exponent <= 0) return EvalState::kUndefined;
    value->q = 0;
    return EvalState::kDefined;
  }
  if (whole && base.exact) {
    if (const auto power = PowerOf(base.q, *whole)) {
      value->q = *power;
      return EvalState::kDefined;
    }
  }
  if (!whole && BitLength(exponent) > 256) return EvalState::kUndecided;
  if (!IsReal(base)) {
    if (!whole || std::abs(*whole) > 1000) return ComplexPower(base, Exact(exponent), value);
    // Repeated squaring keeps a power of i exact.
    MathValue power = Exact(1);
    SetComplex(1, 0, &power);
    for (int64_t i = 0; i < std::abs(*whole); ++i) {
      SetComplex(power.re * base.re - power.im * base.im, power.re * base.im + power.im * base.re,
                 &power);
      const EvalState state = Finish(&power);
      if (state != EvalState::kDefined) return state;
    }
    if (*whole >= 0) {
      *value = std::move(power);
      return EvalState::kDefined;
    }
    return Divide(Exact(1), power, value);
  }
  const bool odd_root = mp::bit_test(Integer(mp::denominator(exponent)), 0);
  const bool odd_power = mp::bit_test(Integer(mp::abs(mp::numerator(exponent))), 0);
  Real x = RealPart(base);
  const bool negative = x < 0;
  if (negative && !whole && complex_) return ComplexPower(base, Exact(exponent), value);
  if (negative && !odd_root) return EvalState::kUndefined;
  if (negative) x = -x;
  if (!Spend(2 * kFunctionUnits)) return EvalState::kUndecided;
  if (denominator(exponent) == 2 && base.exact && !negative) {
    // 4^{1/2} is 2 exactly.
    const auto root = ExactSquareRoot(base.q);
    const auto times = SmallInteger(Rational(Integer(mp::numerator(exponent))), 1 << 20);
    const auto power = root && times ? PowerOf(*root, *times) : std::nullopt;
    if (power) {
      value->q = *power;
      return EvalState::kDefined;
    }
  }
  const Real log = RealPart(Exact(exponent)) * mp::log(x);
  if (log > kMaxLog2 || log < -kMaxLog2) return EvalState::kUndecided;
  const Real power = mp::exp(log);
  SetReal(negative && odd_power ? Real(-power) : power, value);
  return EvalState::kDefined;
}

EvalState Evaluator::ComplexPower(const MathValue& base, const MathValue& exponent,
                                  MathValue* value) {
  if (!complex_) return EvalState::kUndefined;
  MathValue log;
  const EvalState state = Logarithm(base, &log);
  if (state != EvalState::kDefined) return state;
  const Real a = RealPart(log);
  const Real b = ImaginaryPart(log);
  const Real c = RealPart(exponent);
  const Real d = ImaginaryPart(exponent);
  const Real re = a * c - b * d;
  const Real im = a * d + b * c;
  if (!Spend(3 * kFunctionUnits)) return EvalState::kUndecided;
  if (re > kMaxLog2 || re < -kMaxLog2 || im > 1e6 || im < -1e6) return EvalState::kUndecided;
  const Real size = mp::exp(re);
  SetComplex(size * mp::cos(im), size * mp::sin(im), value);
  return EvalState::kDefined;
}

EvalState Evaluator::Root(const MathValue& index, const MathValue& radicand, MathValue* value) {
  const auto n = index.exact ? SmallInteger(index.q, 100) : std::nullopt;
  if (!n || *n < 2) return EvalState::kUndecided;
  if (*n == 2 && radicand.exact) {
    if (const auto root = ExactSquareRoot(radicand.q)) {
      value->q = *root;
      return EvalState::kDefined;
    }
  }
  const bool negative = IsReal(radicand) && RealPart(radicand) < 0;
  if (negative && *n % 2 == 0) {
    if (!complex_) return EvalState::kUndefined;
    if (*n == 2) {
      SetComplex(0, mp::sqrt(Real(-RealPart(radicand))), value);
      return Spend(kFunctionUnits) ? EvalState::kDefined : EvalState::kUndecided;
    }
    return ComplexPower(radicand, Exact(Rational(1, *n)), value);
  }
  if (*n == 2 && IsReal(radicand)) {
    SetReal(mp::sqrt(RealPart(radicand)), value);
    return Spend(kFunctionUnits) ? EvalState::kDefined : EvalState::kUndecided;
  }
  if (!negative) return RationalPower(radicand, Rational(1, *n), value);
  // An odd root of a negative number is the real one, among complex numbers too.
  MathValue positive;
  SetReal(-RealPart(radicand), &positive);
  const EvalState state = RationalPower(positive, Rational(1, *n), value);
  if (state == EvalState::kDefined) SetReal(-RealPart(*value), value);
  return state;
}

EvalState Evaluator::Logarithm(const MathValue& x, MathValue* value) {
  if (IsZero(x)) return EvalState::kUndefined;
  if (!Spend(2 * kFunctionUnits)) return EvalState::kUndecided;
  if (x.exact && x.q == 1) {
    value->q = 0;
    return EvalState::kDefined;
  }
  const Real re = RealPart(x);
  const Real im = ImaginaryPart(x);
  if (im == 0 && re > 0) {
    SetReal(mp::log(re), value);
    return EvalState::kDefined;
  }
  if (!complex_) return EvalState::kUndefined;
  SetComplex(mp::log(Real(re * re + im * im)) / 2, mp::atan2(im, re), value);
  return EvalState::kDefined;
}

EvalState Evaluator::Function(const std::string& name, const MathValue& x, MathValue* value) {
  if (!Spend(2 * kFunctionUnits)) return EvalState::kUndecided;
  if (name == "ln") return Logarithm(x, value);
  if (name == "exp") {
    MathValue e;
    SetReal(mp::exp(Real(1)), &e);
    return Power(e, x, value);
  }
  if (!IsReal(x)) return EvalState::kUndecided;
  const Real real = RealPart(x);
  if (real > 1e6 || real < -1e6) return EvalState::kUndecided;
  const auto ratio = [&](const Real& top, const Real& bottom) {
    // At a pole the bottom is noise, not zero.
    if (mp::abs(bottom) < Real("1e-80")) return EvalState::kUndefined;
    SetReal(top / bottom, value);
    return EvalState::kDefined;
  };
  const auto given = [&](Real result) {
    SetReal(std::move(result), value);
    return EvalState::kDefined;
  };
  if (name == "sin") return given(mp::sin(real));
  if (name == "cos") return given(mp::cos(real));
  if (name == "tan") return ratio(mp::sin(real), mp::cos(real));
  if (name == "cot") return ratio(mp::cos(real), mp::sin(real));
  if (name == "sec") return ratio(Real(1), mp::cos(real));
  if (name == "csc") return ratio(Real(1), mp::sin(real));
  if (name == "arctan") return given(mp::atan(real));
  if (name == "sinh" || name == "cosh" || name == "tanh") {
    if (real > 10000 || real < -10000) return EvalState::kUndecided;
    const Real up = mp::exp(real);
    const Real down = 1 / up;
    if (name == "sinh") return given((up - down) / 2);
    if (name == "cosh") return given((up + down) / 2);
    return given((up - down) / (up + down));
  }
  if (name == "arcsin" || name == "arccos") {
    if (real > 1 || real < -1) return EvalState::kUndefined;
    return given(name == "arcsin" ? mp::asin(real) : mp::acos(real));
  }
  return EvalState::kUndecided;
}

EvalState Evaluator::Factorial(const MathValue& x, MathValue* value) {
  if (!x.exact) return EvalState::kUndecided;
  const auto n = SmallInteger(x.q, 800);
  if (!n) return denominator(x.q) == 1 ? EvalState::kUndecided : EvalState::kUndefined;
  if (*n < 0) return EvalState::kUndefined;
  Integer product = 1;
  for (int64_t i = 2; i <= *n; ++i) product *= i;
  value->q = Rational(product);
  return EvalState::kDefined;
}

EvalState Evaluator::Binomial(const MathValue& n, const MathValue& k, MathValue* value) {
  if (!n.exact || !k.exact) return EvalState::kUndecided;
  const auto top = SmallInteger(n.q, 2000);
  const auto bottom = SmallInteger(k.q, 2000);
  if (!top || !bottom) {
    const bool whole = denominator(n.q) == 1 && denominator(k.q) == 1;
    return whole ? EvalState::kUndecided : EvalState::kUndefined;
  }
  if (*top < 0) return EvalState::kUndefined;
  Integer product = *bottom < 0 || *bottom > *top ? 0 : 1;
  for (int64_t i = 1; i <= std::min(*bottom, *top - *bottom); ++i) {
    product = product * (*top - i + 1) / i;
  }
  value->q = Rational(product);
  return EvalState::kDefined;
}

}  // namespace ebb
