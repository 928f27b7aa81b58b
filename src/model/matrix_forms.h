// Matrices that a source has in a form which is smaller than rows of elements: as codes, or still
// encoded. Lossless tensors have none.
#pragma once

#include <cstdint>
#include <optional>

#include "arch/tensor_spec.h"
#include "base/error.h"
#include "model/owned_matrix.h"

namespace ebb {

enum class MatrixForm {
  kSmallest,  // encoded, where kernels multiply that
  kCodes,     // each weight in its place: to be taken apart, or for the fastest products
};

// Thread-safe.
class MatrixForms {
 public:
  virtual ~MatrixForms() = default;

  // The bytes that Read's result will hold; nothing if the tensor's elements must be read instead.
  [[nodiscard]] virtual std::optional<uint64_t> BytesOf(const TensorSpec& tensor,
                                                        MatrixForm form) const = 0;

  // A tensor of which BytesOf gave a number.
  [[nodiscard]] virtual Result<OwnedMatrix> Read(const TensorSpec& tensor,
                                                 MatrixForm form) const = 0;
};

}  // namespace ebb
