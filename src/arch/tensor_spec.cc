#include "arch/tensor_spec.h"

#include <fmt/format.h>

#include "arch/deepseek_v3.h"
#include "arch/mixtral.h"
#include "arch/tensor_list.h"

namespace ebb {
namespace arch {

LayerTensors::LayerTensors(LayerId layer, std::vector<TensorSpec>& to)
    : layer_(layer), prefix_(fmt::format("model.layers.{}.", layer.value)), to_(to) {}

void LayerTensors::Vector(std::string_view name, TensorRole role, int64_t cols) {
  to_.push_back({prefix_ + std::string(name), {static_cast<uint64_t>(cols)}, role, layer_});
}

void LayerTensors::Matrix(std::string_view name, TensorRole role, int64_t rows, int64_t cols) {
  to_.push_back({prefix_ + std::string(name),
                 {static_cast<uint64_t>(rows), static_cast<uint64_t>(cols)},
                 role,
                 layer_});
}

void LayerTensors::Mlp(std::string_view prefix, TensorRole role, int64_t intermediate,
                       int64_t hidden) {
  Matrix(fmt::format("{}gate_proj.weight", prefix), role, intermediate, hidden);
  Matrix(fmt::format("{}up_proj.weight", prefix), role, intermediate, hidden);
  Matrix(fmt::format("{}down_proj.weight", prefix), role, hidden, intermediate);
}

void LayerTensors::Experts(std::string_view prefix, const std::array<std::string_view, 3>& names,
                           const MoeConfig& moe, int64_t hidden) {
  constexpr TensorRole kRoles[] = {TensorRole::kRoutedExpertGate, TensorRole::kRoutedExpertUp,
                                   TensorRole::kRoutedExpertDown};
  for (int32_t expert = 0; expert < moe.num_experts; ++expert) {
    for (size_t i = 0; i < names.size(); ++i) {
      const bool down = kRoles[i] == TensorRole::kRoutedExpertDown;
      Matrix(fmt::format("{}{}.{}.weight", prefix, expert, names[i]), kRoles[i],
             down ? hidden : moe.intermediate_size, down ? moe.intermediate_size : hidden);
      to_.back().expert = ExpertId{expert};
    }
  }
}

}  // namespace arch

std::vector<TensorSpec> ListTensors(const ModelConfig& config) {
  const auto vocab = static_cast<uint64_t>(config.vocab_size);
  const auto hidden = static_cast<uint64_t>(config.hidden_size);
  std::vector<TensorSpec> tensors;
  tensors.push_back({"model.embed_tokens.weight", {vocab, hidden}, TensorRole::kEmbedding});
  for (LayerId layer{0}; layer.value < config.num_layers; ++layer.value) {
    switch (config.architecture) {
      case Architecture::kDeepseekV3:
        arch::ListDeepseekV3Layer(config, layer, tensors);
        break;
      case Architecture::kMixtral:
        arch::ListMixtralLayer(config, layer, tensors);
        break;
    }
  }
  tensors.push_back({"model.norm.weight", {hidden}, TensorRole::kNorm});
  if (!config.tied_embeddings) {
    tensors.push_back({"lm_head.weight", {vocab, hidden}, TensorRole::kOutputHead});
  }
  return tensors;
}

}  // namespace ebb
