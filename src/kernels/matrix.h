// Views of weights and activations, as the kernels take them. A view owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ebb {

enum class WeightFormat : uint8_t { kF32, kBf16, kF16, kCodes8, kCodes16 };

// Bytes of one stored weight or code.
[[nodiscard]] constexpr int64_t WeightBytes(WeightFormat format) {
  switch (format) {
    case WeightFormat::kF32:
      return 4;
    case WeightFormat::kBf16:
    case WeightFormat::kF16:
    case WeightFormat::kCodes16:
      return 2;
    case WeightFormat::kCodes8:
      return 1;
  }
  return 0;
}

[[nodiscard]] constexpr bool IsCodes(WeightFormat format) {
  return format == WeightFormat::kCodes8 || format == WeightFormat::kCodes16;
}

// A weight of an error-bounded matrix that is stored exactly; its code is 0.
struct WeightException {
  uint32_t row;
  uint32_t col;
  float value;
};

// A matrix [rows, cols], row-major without gaps, its data aligned to its element: float32,
// bfloat16, float16, or signed codes of 8 or 16 bits, little-endian.
struct WeightMatrix {
  WeightFormat format = WeightFormat::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  const void* data = nullptr;
  float step = 1;                               // of codes: a weight is its code x step
  std::span<const WeightException> exceptions;  // of codes: rising (row, col)

  // Rows [first, first + count) of a matrix that is not stored as codes.
  WeightMatrix RowRange(int64_t first, int64_t count) const {
    WeightMatrix range = *this;
    range.rows = count;
    range.data = static_cast<const std::byte*>(data) + first * cols * WeightBytes(format);
    return range;
  }
};

// Rows of float32 activations: row t starts at data + t x stride (in elements). A row is one token
// of one sequence.
struct ConstRows {
  const float* data = nullptr;
  int64_t count = 0;
  int64_t stride = 0;

  const float* row(int64_t t) const { return data + t * stride; }
};

struct Rows {
  float* data = nullptr;
  int64_t count = 0;
  int64_t stride = 0;

  float* row(int64_t t) const { return data + t * stride; }
  operator ConstRows() const { return {data, count, stride}; }
};

}  // namespace ebb
