// Error-bounded coding of arrays of weights.
//
//     ebb::Result<ebb::EncodedWeights> encoded = ebb::EncodeWeights(weights, rows, cols,
//     "rel:0.2"); ebb::Status decoded = ebb::DecodeWeights(*encoded, out);     // |out - weights|
//     <= encoded->bound
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ebb/error.h"

namespace ebb {

struct EncodedWeights {
  std::vector<std::byte> bytes;
  uint64_t rows = 0;
  uint64_t cols = 0;
  float bound = 0;  // absolute; 0: lossless
};

// Encodes `weights` [rows, cols], row-major (rows 1 for a plain array). `bound` is "rel:R" (R x
// mean|w| over the finite weights), "abs:E" or "lossless". Every finite weight comes back within
// the bound, as float32, without exception; NaN and infinities come back bit for bit.
// kInvalidArgument for a bad bound or a size that does not match.
[[nodiscard]] Result<EncodedWeights> EncodeWeights(std::span<const float> weights, uint64_t rows,
                                                   uint64_t cols, std::string_view bound);

// Decodes into `out`, which has rows x cols elements. Any bytes give data or kCorrupt.
[[nodiscard]] Status DecodeWeights(const EncodedWeights& encoded, std::span<float> out);

}  // namespace ebb
