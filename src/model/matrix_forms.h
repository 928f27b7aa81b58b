// Matrices that a source has in a form which is smaller than rows of elements: as codes, or still
// encoded. Lossless tensors have none.
#pragma once

#include <cstdint>
#include <optional>

#include "arch/tensor_spec.h"
#include "base/error.h"
#include "model/owned_matrix.h"

namespace ebb {

enum class MatrixUse {
  kWhole,  // multiplied as it is: any form will do
  kCut,    // taken apart when it is loaded: weights must stand in their places
};

// Thread-safe.
class MatrixForms {
 public:
  virtual ~MatrixForms() = default;

  // The bytes that Read's result will hold; nothing if the tensor's elements must be read instead.
  [[nodiscard]] virtual std::optional<uint64_t> BytesOf(const TensorSpec& tensor,
                                                        MatrixUse use) const = 0;

  // A tensor of which BytesOf gave a number.
  [[nodiscard]] virtual Result<OwnedMatrix> Read(const TensorSpec& tensor, MatrixUse use) const = 0;
};

}  // namespace ebb
