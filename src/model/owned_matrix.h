// A weight matrix or vector that owns its memory, read from a WeightSource as it is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "arch/weight_source.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/threads.h"
#include "kernels/matrix.h"

namespace ebb {

[[nodiscard]] WeightFormat FormatOf(DType dtype);

// A lossless matrix [rows, cols]. Immutable once it is filled; movable.
class OwnedMatrix {
 public:
  OwnedMatrix() = default;
  OwnedMatrix(WeightFormat format, int64_t rows, int64_t cols);

  WeightMatrix view() const;
  std::span<std::byte> bytes() { return data_.span(); }
  uint64_t size_bytes() const { return data_.size(); }
  bool empty() const { return data_.empty(); }

 private:
  WeightFormat format_ = WeightFormat::kF32;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  AlignedArray<std::byte> data_;
};

// All of a tensor, in the element type in which the source has it. Rows are read by several threads
// when `pool` is given.
[[nodiscard]] Result<OwnedMatrix> ReadMatrix(const WeightSource& source, const TensorSpec& tensor,
                                             const ThreadPool* pool);

// All of a tensor, widened to float32.
[[nodiscard]] Result<std::vector<float>> ReadVector(const WeightSource& source,
                                                    const TensorSpec& tensor);

}  // namespace ebb
