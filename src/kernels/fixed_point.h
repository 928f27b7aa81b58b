// Activations as integers, for the exact dot product of docs/numbers.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ebb {

// How a row of activations becomes integers: a[i] = round(x[i] x 2^exponent), |a[i]| <= 2^22.
struct FixedScale {
  int exponent = 0;
  bool is_finite = true;  // else every product with the row is NaN
};

// `largest` is the largest magnitude of a row whose elements are all finite.
inline FixedScale ScaleOfLargest(float largest) {
  if (largest == 0) return {};
  int exponent;
  std::frexp(largest, &exponent);
  return {std::min(22 - exponent, 126), true};
}

// What the integer sums of a row of activations and codes of `step` are multiplied with.
inline double FactorOfSums(float step, const FixedScale& scale) {
  return scale.is_finite ? std::ldexp(static_cast<double>(step), -scale.exponent) : NAN;
}

// The product of a row of codes and a row of activations from their integer sum.
inline float ProductOfSum(int64_t sum, double factor) {
  return static_cast<float>(static_cast<double>(sum) * factor);
}

}  // namespace ebb
