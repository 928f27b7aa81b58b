#include "synthetic/presets.h"

namespace ebb {
namespace {

struct Preset {
  const char* name;
  const char* config;
};

constexpr Preset kPresets[] = {
    {"moonlight-16b-a3b", R"({
      "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
      "vocab_size": 163840, "hidden_size": 2048, "num_hidden_layers": 27,
      "num_attention_heads": 16, "num_key_value_heads": 16, "hidden_act": "silu",
      "q_lora_rank": null, "kv_lora_rank": 512,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
      "intermediate_size": 11264, "moe_intermediate_size": 1408,
      "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
      "first_k_dense_replace": 1, "moe_layer_freq": 1,
      "scoring_func": "sigmoid", "topk_method": "noaux_tc", "n_group": 1, "topk_group": 1,
      "norm_topk_prob": true, "routed_scaling_factor": 2.446,
      "rope_theta": 50000.0, "rope_scaling": null, "rms_norm_eps": 1e-05,
      "max_position_embeddings": 8192, "attention_bias": false,
      "initializer_range": 0.02, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
      "bos_token_id": 163584, "eos_token_id": 163586})"},
    {"mixtral-8x7b", R"({
      "architectures": ["MixtralForCausalLM"], "model_type": "mixtral",
      "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu",
      "intermediate_size": 14336, "num_local_experts": 8, "num_experts_per_tok": 2,
      "rope_theta": 1000000.0, "sliding_window": null, "rms_norm_eps": 1e-05,
      "max_position_embeddings": 32768,
      "initializer_range": 0.02, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
      "bos_token_id": 1, "eos_token_id": 2})"},
};

}  // namespace

std::vector<std::string> PresetNames() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

Result<OrderedJson> PresetConfig(const std::string& name, std::optional<int> layers) {
  for (const Preset& preset : kPresets) {
    if (name != preset.name) continue;
    OrderedJson config = OrderedJson::parse(preset.config);
    if (!layers) return config;
    const int all = config["num_hidden_layers"];
    if (*layers < 1 || *layers > all) {
      return MakeError(ErrorCode::kInvalidArgument, name, "it has {} layers, {} are asked for", all,
                       *layers);
    }
    config["num_hidden_layers"] = *layers;
    return config;
  }
  return MakeError(ErrorCode::kInvalidArgument, name, "no such model");
}

}  // namespace ebb
