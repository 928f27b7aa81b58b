// DeepseekV3ForCausalLM: multi-head latent attention, sigmoid routing with a correction bias and
// group-limited top-k, shared experts, leading dense layers (DeepSeek-V3, Moonlight). Internal to
// arch/.
#pragma once

#include <string>
#include <vector>

#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/error.h"
#include "base/json.h"

namespace ebb::arch {

[[nodiscard]] Result<ModelConfig> ParseDeepseekV3(const Json& json, const std::string& where);

// The tensors of one layer, appended to `to`.
void ListDeepseekV3Layer(const ModelConfig& config, LayerId layer, std::vector<TensorSpec>& to);

}  // namespace ebb::arch
