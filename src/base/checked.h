// Arithmetic on sizes that come from a file: overflow is a value, not a wrap-around.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace ebb {

[[nodiscard]] inline std::optional<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  uint64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

[[nodiscard]] inline std::optional<uint64_t> CheckedMul(uint64_t a, uint64_t b) {
  uint64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The product of all factors (1 for none).
[[nodiscard]] inline std::optional<uint64_t> CheckedProduct(std::span<const uint64_t> factors) {
  std::optional<uint64_t> product = 1;
  for (const uint64_t factor : factors) {
    if (product) product = CheckedMul(*product, factor);
  }
  return product;
}

// Whether [offset, offset + size) lies within [0, limit).
[[nodiscard]] inline bool RangeFits(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

[[nodiscard]] constexpr uint64_t DivideRoundingUp(uint64_t a, uint64_t b) {
  return a / b + (a % b != 0);
}

// The smallest multiple of `alignment` (a power of two) at or above `value`.
[[nodiscard]] constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace ebb
