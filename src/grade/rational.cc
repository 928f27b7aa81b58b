#include "grade/rational.h"

#include <algorithm>
#include <string>

namespace ebb {
namespace {

namespace mp = boost::multiprecision;

uint64_t Bits(const Integer& value) { return value == 0 ? 0 : mp::msb(mp::abs(value)) + 1; }

Integer IntegerOf(std::string_view digits) {
  Integer value = 0;
  for (const char digit : digits) {
    value *= 10;
    value += digit - '0';
  }
  return value;
}

Integer PowerOfTen(unsigned exponent) { return mp::pow(Integer(10), exponent); }

}  // namespace

uint64_t BitLength(const Rational& value) {
  return std::max(Bits(Integer(mp::numerator(value))), Bits(Integer(mp::denominator(value))));
}

double Log2Magnitude(const Rational& value) {
  return static_cast<double>(Bits(Integer(mp::numerator(value)))) -
         static_cast<double>(Bits(Integer(mp::denominator(value))));
}

std::optional<Rational> PowerOf(const Rational& base, int64_t exponent) {
  if (base == 0) {
    if (exponent <= 0) return std::nullopt;
    return base;
  }
  const uint64_t times = exponent < 0 ? 0 - static_cast<uint64_t>(exponent) : exponent;
  if (base == 1 || base == -1) return base == 1 || times % 2 == 0 ? Rational(1) : Rational(-1);
  if (times > kMaxExactBits || times * BitLength(base) > kMaxExactBits) return std::nullopt;
  const Integer top = mp::pow(Integer(mp::numerator(base)), static_cast<unsigned>(times));
  const Integer bottom = mp::pow(Integer(mp::denominator(base)), static_cast<unsigned>(times));
  // Divided, since a denominator that is given as negative would stay so.
  return exponent < 0 ? Rational(bottom) / Rational(top) : Rational(top, bottom);
}

std::optional<int64_t> SmallInteger(const Rational& value, int64_t limit) {
  if (mp::denominator(value) != 1) return std::nullopt;
  const Integer whole(mp::numerator(value));
  if (whole > limit || whole < -limit) return std::nullopt;
  return static_cast<int64_t>(whole);
}

std::optional<Rational> ExactSquareRoot(const Rational& value) {
  if (value < 0 || BitLength(value) > 1024) return std::nullopt;
  const Integer top(mp::numerator(value));
  const Integer bottom(mp::denominator(value));
  const Integer top_root = mp::sqrt(top);
  const Integer bottom_root = mp::sqrt(bottom);
  if (top_root * top_root != top || bottom_root * bottom_root != bottom) return std::nullopt;
  return Rational(top_root, bottom_root);
}

std::optional<Rational> DecimalValue(std::string_view whole, std::string_view fraction,
                                     std::string_view repeating, int exponent) {
  if (whole.size() + fraction.size() + repeating.size() > kMaxNumberDigits ||
      std::abs(exponent) > static_cast<int>(kMaxNumberDigits)) {
    return std::nullopt;
  }
  // w.f(r) = (wfr - wf) / (10^f (10^r - 1)) with the digits read as integers.
  const std::string fixed = std::string(whole) + std::string(fraction);
  Integer top = IntegerOf(fixed);
  Integer bottom = PowerOfTen(static_cast<unsigned>(fraction.size()));
  if (!repeating.empty()) {
    top = IntegerOf(fixed + std::string(repeating)) - top;
    bottom *= PowerOfTen(static_cast<unsigned>(repeating.size())) - 1;
  }
  if (exponent > 0) top *= PowerOfTen(static_cast<unsigned>(exponent));
  if (exponent < 0) bottom *= PowerOfTen(static_cast<unsigned>(-exponent));
  return Rational(top, bottom);
}

}  // namespace ebb
