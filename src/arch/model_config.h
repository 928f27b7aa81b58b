// What a model is: the fields of config.json that its forward pass needs, checked and named.
//
// ParseModelConfig accepts what Ebb runs exactly as Hugging Face transformers does, and refuses
// everything else by name (kUnsupported: an unknown architecture, activation, rope type, attention
// bias, quantization_config, ...): a config that is not understood is never half-run. Values out of
// any sensible range, or that contradict each other, are kCorrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/ids.h"
#include "base/error.h"
#include "base/json.h"

namespace ebb {

// Named by config.json's "architectures".
enum class Architecture { kDeepseekV3, kMixtral };

[[nodiscard]] std::string_view ArchitectureName(Architecture architecture);

// YaRN: rotary frequencies stretched for contexts beyond the trained length.
struct YarnScaling {
  double factor = 1;
  double beta_fast = 32;
  double beta_slow = 1;
  double mscale = 0;          // 0: not given
  double mscale_all_dim = 0;  // 0: not given
  std::optional<double> attention_factor;
  int64_t original_max_positions = 0;
  bool truncate = true;
};

struct RopeConfig {
  double theta = 10000;
  std::optional<YarnScaling> yarn;
  // Whether the checkpoint pairs neighbouring elements (2i, 2i+1), as DeepSeek does, instead of
  // (i, i + dim/2).
  bool interleaved = false;
};

// Multi-head latent attention: keys and values are expanded from a compressed row that is cached.
struct MlaConfig {
  int64_t q_lora_rank = 0;  // 0: q_proj is one matrix
  int64_t kv_lora_rank = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t v_head_dim = 0;
  // Of the norms inside of latent attention (q_a_layernorm, kv_a_layernorm): their own constant,
  // whatever rms_norm_eps says.
  double latent_norm_eps = 1e-6;

  int64_t qk_head_dim() const { return qk_nope_head_dim + qk_rope_head_dim; }
};

// Grouped-query attention.
struct GqaConfig {
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t sliding_window = 0;  // 0: none
};

enum class RouterScoring {
  kSoftmaxThenTopK,  // Mixtral: softmax over all experts, top-k, renormalised
  kSigmoidNoAuxTc,   // DeepSeek-V3: sigmoid, correction bias for the choice only, group-limited
                     // top-k
};

struct MoeConfig {
  int64_t num_experts = 0;
  int64_t experts_per_token = 0;
  int64_t intermediate_size = 0;         // of one routed expert
  int64_t shared_intermediate_size = 0;  // of all shared experts together; 0: none
  int64_t first_dense_layers = 0;        // layers before this one have a dense MLP
  RouterScoring scoring = RouterScoring::kSoftmaxThenTopK;
  int64_t num_groups = 1;
  int64_t groups_per_token = 1;
  bool normalise_top_k = true;
  double routed_scaling_factor = 1;
};

struct ModelConfig {
  Architecture architecture = Architecture::kDeepseekV3;
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_layers = 0;
  int64_t num_mtp_layers =
      0;  // multi-token prediction, stored after the others; Ebb leaves them out
  int64_t num_heads = 0;
  int64_t dense_intermediate_size = 0;  // of the dense MLP layers; 0: there are none
  double rms_norm_eps = 1e-6;
  int64_t max_positions = 0;
  bool tied_embeddings = false;
  RopeConfig rope;
  std::optional<MlaConfig> mla;  // exactly one of mla and gqa is set
  std::optional<GqaConfig> gqa;
  MoeConfig moe;
  // From config.json (generation_config.json may add more); ids outside of the vocabulary are
  // left out.
  std::optional<int64_t> bos_token;
  std::vector<int64_t> eos_tokens;

  bool IsMoeLayer(LayerId layer) const { return layer.value >= moe.first_dense_layers; }

  // The elements of a head that are rotated (even): the last ones of a query or key of latent
  // attention, all of them otherwise.
  int64_t RotaryDim() const { return mla ? mla->qk_rope_head_dim : gqa->head_dim; }
};

// `where` names the file in errors.
[[nodiscard]] Result<ModelConfig> ParseModelConfig(const Json& config_json,
                                                   const std::string& where);

}  // namespace ebb
