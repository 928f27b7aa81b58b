// Weights to integer codes under an absolute error bound: the first stage of the codec.
//
// A code q stands for float32(q) x step with step = 2 x bound, in one float32 multiplication, and
// the quantizer checks |float32(q) x step - w| <= bound with that very arithmetic. What fails (a
// rounding at a bin's edge, a code beyond kMaxCode, NaN, infinity) becomes an exception and is
// stored as its own bits. So the bound holds for every finite weight without exception, in the last
// bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/chunk.h"

namespace ebb {

// Codes are exact as float32 and leave room for a token of 8 bits and 16 raw bits.
inline constexpr int32_t kMaxCode = (1 << 23) - 1;

// The step for `bound` > 0: twice the bound, or the largest float32 if that is not finite.
[[nodiscard]] float StepForBound(float bound);

// The errors that quantization made, over finite weights. Exceptions make none.
struct QuantizationError {
  double max_error = 0;
  double squared_over_bound = 0;  // sum of (error / bound)^2
  uint64_t finite = 0;

  void Add(const QuantizationError& other);
};

// Writes one code a weight and appends an exception (element = index + `first_element`) for each
// weight that has none; its code is 0. `bound` > 0 and finite. Denormals are quantized like all
// others, -0 gives code 0. Thread-safe; codes and exceptions do not depend on the instruction set
// (squared_over_bound may, in its last digits).
QuantizationError Quantize(std::span<const float> weights, float bound, uint32_t first_element,
                           int32_t* codes, std::vector<ChunkView::Exception>* exceptions);

// Whether every decoded weight is within `bound` of the original, or has its very bits. As many.
[[nodiscard]] bool KeepsBound(std::span<const float> original, std::span<const float> decoded,
                              float bound);

// The weight that a decoder makes of a code.
inline float Reconstruct(int32_t code, float step) { return static_cast<float>(code) * step; }

}  // namespace ebb
