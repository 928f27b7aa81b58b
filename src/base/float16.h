// Conversions between float32 and the 16-bit formats of checkpoints, one value at a time.
// Widening is exact. Narrowing rounds to nearest, ties to even; NaN stays NaN (made quiet), and
// what overflows becomes infinity.
#pragma once

#include <bit>
#include <cstdint>

namespace ebb {

inline float Bf16ToF32(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

inline uint16_t F32ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float F16ToF32(uint16_t bits);
uint16_t F32ToF16(float value);

}  // namespace ebb
