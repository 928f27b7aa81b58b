// Powers, roots, logarithms and the other functions of Evaluator.
#include <algorithm>
#include <cmath>

#include "grade/evaluator.h"
#include "grade/evaluator_parts.h"

namespace ebb {
namespace {

namespace mp = boost::multiprecision;
using namespace evaluator_parts;

constexpr int64_t kFunctionUnits = 60;  // a transcendental function of 100 digits

}  // namespace

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
  // A cosine of 10^-45 and a tangent of 100 that is hyperbolic differ from 1 by less than can be
  // told apart from noise.
  const auto given = [&](Real result) {
    const Real gap = mp::abs(Real(1 - mp::abs(result)));
    if (gap != 0 && gap < Real("1e-50") && gap > Real("1e-98")) return EvalState::kUndecided;
    SetReal(std::move(result), value);
    return EvalState::kDefined;
  };
  const auto ratio = [&](const Real& top, const Real& bottom) {
    // At a pole the bottom is noise, not zero.
    if (mp::abs(bottom) < Real("1e-80")) return EvalState::kUndefined;
    return given(top / bottom);
  };
  if (name == "sin") return given(mp::sin(real));
  if (name == "cos") return given(mp::cos(real));
  if (name == "tan") return ratio(mp::sin(real), mp::cos(real));
  if (name == "cot") return ratio(mp::cos(real), mp::sin(real));
  if (name == "sec") return ratio(Real(1), mp::cos(real));
  if (name == "csc") return ratio(Real(1), mp::sin(real));
  if (name == "arctan") return given(mp::atan(real));
  if (name == "sinh" || name == "cosh" || name == "tanh") {
    if (real > 50 || real < -50) return EvalState::kUndecided;
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
  if (!top && bottom && *bottom >= 0 && *bottom <= 20 && denominator(n.q) != 1) {
    // As a polynomial in n.
    Rational product = 1;
    for (int64_t i = 0; i < *bottom; ++i) product *= (n.q - i) / Rational(i + 1);
    value->q = std::move(product);
    return EvalState::kDefined;
  }
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
