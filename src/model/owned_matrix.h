// A weight matrix or vector that owns its memory, in one of the forms that kernels multiply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "arch/weight_source.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/threads.h"
#include "kernels/matrix.h"

namespace ebb {

[[nodiscard]] WeightFormat FormatOf(DType dtype);

// Memory for weights: in huge pages where it is large.
[[nodiscard]] AlignedArray<std::byte> AllocateWeights(size_t bytes);

// A matrix [rows, cols]. Immutable once it is filled; movable, and views stay valid then.
class OwnedMatrix {
 public:
  OwnedMatrix() = default;
  // Of elements or decoded codes, to be filled through bytes().
  OwnedMatrix(WeightFormat format, int64_t rows, int64_t cols, float step = 1,
              std::vector<WeightException> exceptions = {});
  // Of decoded codes that are there.
  OwnedMatrix(WeightFormat format, int64_t rows, int64_t cols, AlignedArray<std::byte> codes,
              float step, std::vector<WeightException> exceptions);
  // Of encoded codes, whose chunks lie in `bytes`.
  OwnedMatrix(std::unique_ptr<const EncodedMatrix> encoded, AlignedArray<std::byte> bytes,
              int64_t rows, int64_t cols, float step, std::vector<WeightException> exceptions);

  WeightMatrix view() const;
  std::span<std::byte> bytes() { return data_.span(); }
  uint64_t size_bytes() const {
    return data_.size() + exceptions_.size() * sizeof(WeightException);
  }
  bool empty() const { return data_.empty(); }

 private:
  WeightFormat format_ = WeightFormat::kF32;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  float step_ = 1;
  std::vector<WeightException> exceptions_;
  std::unique_ptr<const EncodedMatrix> encoded_;
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
