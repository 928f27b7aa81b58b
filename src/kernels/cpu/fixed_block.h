// Activations of a few tokens as digits of integers, ready for the exact dot product of
// docs/numbers.md with rows of codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/fixed_point.h"
#include "kernels/matrix.h"

namespace ebb {

// At most, in one block; of long rows MaxEncodedTokens.
inline constexpr int64_t kFixedTokens = MaxEncodedTokens(0);
inline constexpr int64_t kFixedCols = kMaxEncodedCols;
// Sums of 32 bits are emptied after so many columns, which no digits and codes overflow.
inline constexpr int64_t kFixedPiece = 4096;
inline constexpr int64_t kCachedRows = 4;

// Columns [first_col, first_col + cols) of `tokens` rows. What the digits are is the instruction
// set's own business; digits beyond the columns, up to a multiple of 64, are 0.
struct FixedBlock {
  int64_t tokens = 0;
  int64_t first_col = 0;
  int64_t cols = 0;
  FixedScale scales[kFixedTokens];
  int64_t digit_sums[kFixedTokens];  // of the integers
  alignas(64) std::byte digits[kFixedTokens * kFixedPiece * 4];

  static constexpr int64_t PaddedCols(int64_t cols) { return (cols + 63) / 64 * 64; }
  std::byte* DigitsOf(int64_t token) { return digits + token * PaddedCols(cols) * 4; }
  const std::byte* DigitsOf(int64_t token) const { return digits + token * PaddedCols(cols) * 4; }
};

// The kernels of one instruction set for one type of codes. Each row of x is given by its first
// element; scales, tokens, first_col and cols of the block are set before Fix.
template <typename Code>
struct FixedKernels {
  // Fills in digits and digit_sums.
  void (*fix)(const float* const* x, FixedBlock& block) = nullptr;
  // Adds to sums[r x kFixedTokens + t] the product of row r of `codes`, which is `stride` codes
  // after the row before, with token t. kCachedRows rows or fewer are taken to be in the L1 cache,
  // more to come from memory.
  void (*dot)(const Code* codes, int64_t stride, int64_t rows, const FixedBlock& block,
              int64_t* sums) = nullptr;
};

}  // namespace ebb
