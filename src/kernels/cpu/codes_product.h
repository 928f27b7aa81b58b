// Products with matrices of codes, decoded or still encoded, by the kernels of one instruction set.
#pragma once

#include "codec/chunk_decoder.h"
#include "kernels/cpu/fixed_block.h"
#include "kernels/cpu/kernels.h"

namespace ebb {

// Multiplies matrices of codes; keeps the activations' digits from one call to the next, as long as
// these are the same. 200 KiB, meant for the stack of a task: activations must not change while it
// lives.
class CodesProduct {
 public:
  explicit CodesProduct(const CpuKernels& kernels) : kernels_(kernels) {}

  // Rows `rows` of a matrix of kCodes8 or kCodes16 times rows `tokens` of x, exceptions included.
  void Multiply(const MatProduct& product, RowSpan rows, RowSpan tokens);

  // A chunk of a matrix of kEncoded8 times rows `tokens` of x, exceptions included. It is decoded
  // anew for every MaxEncodedTokens of them.
  void MultiplyChunk(const MatProduct& product, const EncodedRows& chunk, RowSpan tokens);

 private:
  // The activations whose scales, and of a range of columns the digits, block_ holds.
  struct Source {
    const float* data = nullptr;
    int64_t stride = 0;
    int64_t tokens = 0;
    int64_t cols = 0;
    size_t code_bytes = 0;
    bool operator==(const Source&) const = default;
  };

  template <typename Code>
  void MultiplyCodes(const FixedKernels<Code>& kernels, const MatProduct& product, RowSpan rows,
                     RowSpan tokens);
  // Makes columns `range` of the first `tokens` rows of x, which have `cols` columns, ready.
  template <typename Code>
  void Fix(const FixedKernels<Code>& kernels, const ConstRows& x, int64_t tokens, int64_t cols,
           RowSpan range);

  const CpuKernels& kernels_;
  Source source_;
  FixedBlock block_;
  alignas(64) int8_t tile_[kMaxUnitsAtOnce * kMaxEncodedCols];
};

}  // namespace ebb
