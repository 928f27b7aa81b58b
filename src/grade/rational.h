// Exact numbers: what an answer that is a number means, without rounding.
//
// Pure functions, safe from any thread. Text comes from models, so its size is limited before
// anything is computed: a number may have at most kMaxNumberDigits digits.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ebb {

using Integer = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<>,
                                              boost::multiprecision::et_off>;
using Rational = boost::multiprecision::number<boost::multiprecision::cpp_rational_backend,
                                               boost::multiprecision::et_off>;

inline constexpr size_t kMaxNumberDigits = 400;
// Exact results with a numerator or denominator beyond this are given up.
inline constexpr uint64_t kMaxExactBits = 8192;

// The larger bit length of numerator and denominator; 0 for zero.
[[nodiscard]] uint64_t BitLength(const Rational& value);

// About log2 |value|, to one bit; `value` must not be zero.
[[nodiscard]] double Log2Magnitude(const Rational& value);

// base^exponent, or nothing if it would pass kMaxExactBits or is 0 to a power below 1.
[[nodiscard]] std::optional<Rational> PowerOf(const Rational& base, int64_t exponent);

// The value as an int64, if it is an integer in [-limit, limit].
[[nodiscard]] std::optional<int64_t> SmallInteger(const Rational& value, int64_t limit);

// The exact square root, if the value is the square of a rational of moderate size.
[[nodiscard]] std::optional<Rational> ExactSquareRoot(const Rational& value);

// The value of decimal digits `whole`.`fraction`, then `repeating` for ever (0.1(6) = 1/6), times
// 10^exponent. All parts hold ASCII digits only; any may be empty. Nothing beyond the limits.
[[nodiscard]] std::optional<Rational> DecimalValue(std::string_view whole,
                                                   std::string_view fraction,
                                                   std::string_view repeating = {},
                                                   int exponent = 0);

}  // namespace ebb
