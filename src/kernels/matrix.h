// Views of weights and activations, as the kernels take them. A view owns nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ebb {

// kEncoded8: codes of 8 bits, still entropy-coded.
enum class WeightFormat : uint8_t { kF32, kBf16, kF16, kCodes8, kCodes16, kEncoded8 };

// Bytes of one stored weight or code, once it is decoded.
[[nodiscard]] constexpr int64_t WeightBytes(WeightFormat format) {
  switch (format) {
    case WeightFormat::kF32:
      return 4;
    case WeightFormat::kBf16:
    case WeightFormat::kF16:
    case WeightFormat::kCodes16:
      return 2;
    case WeightFormat::kCodes8:
    case WeightFormat::kEncoded8:
      return 1;
  }
  return 0;
}

[[nodiscard]] constexpr bool IsCodes(WeightFormat format) {
  return format == WeightFormat::kCodes8 || format == WeightFormat::kCodes16 ||
         format == WeightFormat::kEncoded8;
}

// The longest row that a matrix of encoded codes may have, and the most rows of activations that
// meet it each time it is decoded: where there are many more, decoding it first is the better way.
inline constexpr int64_t kMaxEncodedCols = 16384;
[[nodiscard]] constexpr int64_t MaxEncodedTokens(int64_t cols) {
  return cols <= kMaxEncodedCols / 4 ? 8 : cols <= kMaxEncodedCols / 2 ? 4 : 2;
}

// Whole rows of a matrix as one chunk of the codec, a unit of the chunk being a row.
struct EncodedRows {
  std::span<const std::byte> bytes;  // of the chunk, which ParseChunk takes; readable slack behind
  int64_t first_row = 0;
  int64_t rows = 0;
};

// A matrix of encoded codes, by rising rows.
struct EncodedMatrix {
  std::vector<EncodedRows> chunks;
  // Set by a product that found a chunk's stream damaged; its y is then meaningless.
  mutable std::atomic<bool> is_corrupt = false;
};

// A weight of an error-bounded matrix that is stored exactly; its code is 0.
struct WeightException {
  uint32_t row;
  uint32_t col;
  float value;
};

// A matrix [rows, cols], row-major without gaps, its data aligned to its element: float32,
// bfloat16, float16, or signed codes of 8 or 16 bits, little-endian. Of kEncoded8, data is an
// EncodedMatrix.
struct WeightMatrix {
  WeightFormat format = WeightFormat::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  const void* data = nullptr;
  float step = 1;                               // of codes: a weight is its code x step
  std::span<const WeightException> exceptions;  // of codes: rising (row, col)

  const EncodedMatrix& encoded() const { return *static_cast<const EncodedMatrix*>(data); }

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
