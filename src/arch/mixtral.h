// MixtralForCausalLM: grouped-query attention with an optional sliding window, softmax routing.
// Internal to arch/.
#pragma once

#include <string>
#include <vector>

#include "arch/model_config.h"
#include "arch/tensor_spec.h"
#include "base/error.h"
#include "base/json.h"

namespace ebb::arch {

[[nodiscard]] Result<ModelConfig> ParseMixtral(const Json& json, const std::string& where);

// The tensors of one layer, appended to `to`.
void ListMixtralLayer(const ModelConfig& config, LayerId layer, std::vector<TensorSpec>& to);

}  // namespace ebb::arch
