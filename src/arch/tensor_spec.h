// Which tensors a model consists of: their Hugging Face names, shapes and roles.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/dtype.h"
#include "arch/ids.h"
#include "arch/model_config.h"

namespace ebb {

enum class TensorRole : uint8_t {
  kEmbedding,         // [vocab, hidden]
  kAttention,         // all projections of attention, 2-D
  kNorm,              // 1-D
  kRouter,            // [experts, hidden]
  kRouterBias,        // [experts]: e_score_correction_bias
  kDenseMlp,          // gate, up, down of a dense layer
  kSharedExpert,      // gate, up, down of the shared experts
  kRoutedExpertGate,  // [intermediate, hidden]
  kRoutedExpertUp,    // [intermediate, hidden]
  kRoutedExpertDown,  // [hidden, intermediate]
  kOutputHead,        // [vocab, hidden]
};

[[nodiscard]] constexpr bool IsRoutedExpert(TensorRole role) {
  return role == TensorRole::kRoutedExpertGate || role == TensorRole::kRoutedExpertUp ||
         role == TensorRole::kRoutedExpertDown;
}

// One 1-D or 2-D tensor of a model, as the architecture wants it. Routed experts are always one 2-D
// tensor each here, however the checkpoint stores them.
struct TensorSpec {
  std::string name;             // e.g. "model.layers.3.mlp.experts.7.up_proj.weight"
  std::vector<uint64_t> shape;  // [rows, cols], or [cols]
  TensorRole role = TensorRole::kNorm;
  LayerId layer{-1};    // -1: not part of a layer
  ExpertId expert{-1};  // -1: not a routed expert

  uint64_t rows() const { return shape.size() == 2 ? shape[0] : 1; }
  uint64_t cols() const { return shape.back(); }
  uint64_t elements() const { return rows() * cols(); }
};

// Every tensor of the model, in the order in which a token meets them; the three matrices of an
// expert (gate, up, down) stand together, experts in the order of their ids. A model with tied
// embeddings has no kOutputHead.
[[nodiscard]] std::vector<TensorSpec> ListTensors(const ModelConfig& config);

}  // namespace ebb
