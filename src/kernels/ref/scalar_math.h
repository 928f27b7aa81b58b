// docs/numbers.md for one value, or one pair of vectors, at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/float16.h"
#include "kernels/exp_constants.h"
#include "kernels/fixed_point.h"
#include "kernels/matrix.h"

namespace ebb::ref {

inline float Exp(float x) {
  if (std::isnan(x)) return x;
  if (x < kExpLowest) return 0.0f;
  if (x > kExpHighest) return std::numeric_limits<float>::infinity();
  const float n = std::nearbyint(x * kExpLog2E);  // the default rounding: half to even
  float r = std::fma(n, -kExpLn2High, x);
  r = std::fma(n, -kExpLn2Low, r);
  float p = kExpC6;
  for (const float c : {kExpC5, kExpC4, kExpC3, kExpC2, 1.0f, 1.0f}) p = std::fma(p, r, c);
  return std::ldexp(p, static_cast<int>(n));
}

inline float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }
inline float Silu(float x) { return x / (1.0f + Exp(-x)); }

// The stored number as float32; for codes: the code, without the step.
inline float StoredValue(const WeightMatrix& w, int64_t row, int64_t col) {
  const int64_t i = row * w.cols + col;
  switch (w.format) {
    case WeightFormat::kF32:
      return static_cast<const float*>(w.data)[i];
    case WeightFormat::kBf16:
      return Bf16ToF32(static_cast<const uint16_t*>(w.data)[i]);
    case WeightFormat::kF16:
      return F16ToF32(static_cast<const uint16_t*>(w.data)[i]);
    case WeightFormat::kCodes8:
      return static_cast<const int8_t*>(w.data)[i];
    case WeightFormat::kCodes16:
      return static_cast<const int16_t*>(w.data)[i];
    case WeightFormat::kEncoded8:
      break;  // must be decoded first
  }
  return 0.0f;
}

// The exact dot product of a row of codes, of any integer type, and n activations.
template <typename T>
float CodesDot(int64_t n, const T* codes, const float* x, float step) {
  float largest = 0;
  bool is_finite = true;
  for (int64_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::abs(x[i]));
    is_finite = is_finite && std::isfinite(x[i]);
  }
  if (!is_finite) return ProductOfSum(0, FactorOfSums(step, {0, false}));
  const FixedScale scale = ScaleOfLargest(largest);
  int64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += codes[i] * static_cast<int64_t>(std::nearbyint(std::ldexp(x[i], scale.exponent)));
  }
  return ProductOfSum(sum, FactorOfSums(step, scale));
}

// The dot product of n terms, the factors given by their indices: sixteen partial sums, then a
// tree.
template <typename A, typename B>
float Dot(int64_t n, const A& a, const B& b) {
  float p[16] = {};
  for (int64_t i = 0; i < n; ++i) p[i % 16] = std::fma(a(i), b(i), p[i % 16]);
  for (int width = 8; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) p[j] = p[j] + p[j + width];
  }
  return p[0];
}

inline float Sum(const float* x, int64_t n) {
  return Dot(
      n, [x](int64_t i) { return x[i]; }, [](int64_t) { return 1.0f; });
}

}  // namespace ebb::ref
