// Which tensors are stored, and read, together: docs/format.md, 1.2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/tensor_spec.h"

namespace ebb {

// One routed expert (gate, up, down), or one other tensor.
struct TensorGroup {
  size_t first_tensor = 0;  // into ListTensors
  size_t tensors = 0;
  bool routed_expert = false;
  LayerId layer{-1};
  ExpertId expert{-1};
};

[[nodiscard]] std::vector<TensorGroup> GroupTensors(std::span<const TensorSpec> tensors);

}  // namespace ebb
