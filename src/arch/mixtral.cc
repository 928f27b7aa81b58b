#include "arch/mixtral.h"

#include "arch/config_fields.h"
#include "arch/tensor_list.h"

namespace ebb::arch {
namespace {

Result<GqaConfig> ParseGqa(const Json& json, const ModelConfig& config, const std::string& where) {
  GqaConfig gqa;
  EBB_TRY_ASSIGN(gqa.num_kv_heads, GetInt(json, "num_key_value_heads", 1, kMaxHeads, where));
  if (config.num_heads % gqa.num_kv_heads != 0) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "{} attention heads cannot share \"num_key_value_heads\" = {} heads evenly",
                     config.num_heads, gqa.num_kv_heads);
  }
  EBB_TRY_ASSIGN(const std::optional<int64_t> head_dim,
                 GetOptionalInt(json, "head_dim", 2, kMaxHeadDim, where));
  if (!head_dim && config.hidden_size % config.num_heads != 0) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"hidden_size\" = {} cannot be divided among {} attention heads",
                     config.hidden_size, config.num_heads);
  }
  gqa.head_dim = head_dim.value_or(config.hidden_size / config.num_heads);
  if (gqa.head_dim % 2 != 0) {
    return MakeError(ErrorCode::kCorrupt, where, "heads of {} elements; expected an even size",
                     gqa.head_dim);
  }
  // null: every position sees all before it. (0 would see nothing.)
  EBB_TRY_ASSIGN(const std::optional<int64_t> sliding_window,
                 GetOptionalInt(json, "sliding_window", 1, kMaxPositions, where));
  gqa.sliding_window = sliding_window.value_or(0);
  return gqa;
}

}  // namespace

Result<ModelConfig> ParseMixtral(const Json& json, const std::string& where) {
  EBB_TRY_ASSIGN(ModelConfig config, ParseCommon(json, where));
  config.architecture = Architecture::kMixtral;
  EBB_TRY_ASSIGN(config.gqa, ParseGqa(json, config, where));
  MoeConfig& moe = config.moe;
  moe.scoring = RouterScoring::kSoftmaxThenTopK;
  EBB_TRY_ASSIGN(moe.num_experts, GetInt(json, "num_local_experts", 1, kMaxExperts, where));
  EBB_TRY(CheckDerived(json, "num_experts", moe.num_experts, "the same as \"num_local_experts\"",
                       where));
  EBB_TRY_ASSIGN(moe.experts_per_token, GetInt(json, "num_experts_per_tok", 1, kMaxExperts, where));
  EBB_TRY_ASSIGN(moe.intermediate_size, GetInt(json, "intermediate_size", 1, kMaxWidth, where));
  EBB_TRY(CheckMoe(config, where));
  EBB_TRY_ASSIGN(config.rope, ParseRope(json, /*allow_yarn=*/false, where));
  return config;
}

void ListMixtralLayer(const ModelConfig& config, LayerId layer, std::vector<TensorSpec>& to) {
  const GqaConfig& gqa = *config.gqa;
  const int64_t hidden = config.hidden_size;
  const int64_t query_rows = config.num_heads * gqa.head_dim;
  const int64_t kv_rows = gqa.num_kv_heads * gqa.head_dim;
  LayerTensors tensors(layer, to);

  tensors.Vector("input_layernorm.weight", TensorRole::kNorm, hidden);
  tensors.Matrix("self_attn.q_proj.weight", TensorRole::kAttention, query_rows, hidden);
  tensors.Matrix("self_attn.k_proj.weight", TensorRole::kAttention, kv_rows, hidden);
  tensors.Matrix("self_attn.v_proj.weight", TensorRole::kAttention, kv_rows, hidden);
  tensors.Matrix("self_attn.o_proj.weight", TensorRole::kAttention, hidden, query_rows);
  tensors.Vector("post_attention_layernorm.weight", TensorRole::kNorm, hidden);
  tensors.Matrix("block_sparse_moe.gate.weight", TensorRole::kRouter, config.moe.num_experts,
                 hidden);
  // w1 is the gate, w3 the up projection, w2 the down projection.
  tensors.Experts("block_sparse_moe.experts.", {"w1", "w3", "w2"}, config.moe, hidden);
}

}  // namespace ebb::arch
