// Appends the tensors of one layer to a list of specs. Internal to arch/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arch/tensor_spec.h"

namespace ebb::arch {

class LayerTensors {
 public:
  // Appends to `to`, which must outlive this.
  LayerTensors(LayerId layer, std::vector<TensorSpec>& to);

  // Names are given without "model.layers.N.".
  void Vector(std::string_view name, TensorRole role, int64_t cols);
  void Matrix(std::string_view name, TensorRole role, int64_t rows, int64_t cols);

  // gate, up and down projection: `prefix`gate_proj.weight, ...
  void Mlp(std::string_view prefix, TensorRole role, int64_t intermediate, int64_t hidden);

  // All routed experts: `prefix`E.`names[i]`.weight, the names being those of gate, up and down.
  void Experts(std::string_view prefix, const std::array<std::string_view, 3>& names,
               const MoeConfig& moe, int64_t hidden);

 private:
  LayerId layer_;
  std::string prefix_;
  std::vector<TensorSpec>& to_;
};

}  // namespace ebb::arch
