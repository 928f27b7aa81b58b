// Chunks of an .ebb file as rows of a matrix of encoded codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/chunk.h"
#include "kernels/matrix.h"

namespace ebb {

// Whether the kernels of this machine multiply encoded codes at all.
[[nodiscard]] bool CanMultiplyEncoded();

// Whether a chunk is whole rows of `cols` 8-bit codes under one step, which kernels multiply as
// they are.
[[nodiscard]] bool IsEncodedRows(const ChunkHeader& header, uint64_t cols);

// A matrix of encoded codes in the making.
struct EncodedRowsBuilder {
  EncodedMatrix* matrix = nullptr;
  std::vector<WeightException>* exceptions = nullptr;
  float step = 0;

  void Start();
  // Appends the rows of a chunk for which IsEncodedRows holds. False if its step is not that of the
  // chunks before it.
  [[nodiscard]] bool Append(const ChunkView& chunk);
};

}  // namespace ebb
