#include "arch/deepseek_v3.h"

#include "arch/config_fields.h"
#include "arch/tensor_list.h"

namespace ebb::arch {
namespace {

Result<MlaConfig> ParseMla(const Json& json, int64_t num_heads, const std::string& where) {
  MlaConfig mla;
  // null: the queries are not compressed. (0 would be a projection to nothing.)
  EBB_TRY_ASSIGN(const std::optional<int64_t> q_lora_rank,
                 GetOptionalInt(json, "q_lora_rank", 1, kMaxWidth, where));
  mla.q_lora_rank = q_lora_rank.value_or(0);
  EBB_TRY_ASSIGN(mla.kv_lora_rank, GetInt(json, "kv_lora_rank", 1, kMaxWidth, where));
  EBB_TRY_ASSIGN(mla.qk_nope_head_dim, GetInt(json, "qk_nope_head_dim", 1, kMaxHeadDim, where));
  EBB_TRY_ASSIGN(mla.qk_rope_head_dim, GetInt(json, "qk_rope_head_dim", 2, kMaxHeadDim, where));
  EBB_TRY_ASSIGN(mla.v_head_dim, GetInt(json, "v_head_dim", 1, kMaxHeadDim, where));
  if (mla.qk_rope_head_dim % 2 != 0) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"qk_rope_head_dim\" is {}; expected an even size", mla.qk_rope_head_dim);
  }
  // What transformers derives, writes into its files, and believes when it is there.
  EBB_TRY(CheckDerived(json, "num_key_value_heads", num_heads,
                       "as many as \"num_attention_heads\": latent attention expands every head",
                       where));
  EBB_TRY(CheckDerived(json, "head_dim", mla.qk_rope_head_dim, "the same as \"qk_rope_head_dim\"",
                       where));
  EBB_TRY(CheckDerived(json, "qk_head_dim", mla.qk_head_dim(),
                       "the sum of \"qk_nope_head_dim\" and \"qk_rope_head_dim\"", where));
  return mla;
}

Status CheckGroups(const MoeConfig& moe, const std::string& where) {
  // A group's score is the sum of its two best experts.
  if (moe.num_experts % moe.num_groups != 0 || moe.num_experts / moe.num_groups < 2) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "{} experts cannot be divided into \"n_group\" = {} groups of two or more",
                     moe.num_experts, moe.num_groups);
  }
  if (moe.groups_per_token > moe.num_groups) {
    return MakeError(ErrorCode::kCorrupt, where, "\"topk_group\" is {}, but there are {} groups",
                     moe.groups_per_token, moe.num_groups);
  }
  const int64_t candidates = moe.groups_per_token * (moe.num_experts / moe.num_groups);
  if (moe.experts_per_token > candidates) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "\"num_experts_per_tok\" is {}, but {} groups have {} experts",
                     moe.experts_per_token, moe.groups_per_token, candidates);
  }
  return {};
}

Result<MoeConfig> ParseMoe(const Json& json, const std::string& where) {
  EBB_TRY(RefuseUnless(json, "scoring_func", "sigmoid", where));
  EBB_TRY(RefuseUnless(json, "topk_method", "noaux_tc", where));
  EBB_TRY(RefuseUnless(json, "moe_layer_freq", 1, where));
  MoeConfig moe;
  moe.scoring = RouterScoring::kSigmoidNoAuxTc;
  EBB_TRY_ASSIGN(moe.num_experts, GetInt(json, "n_routed_experts", 2, kMaxExperts, where));
  EBB_TRY(CheckDerived(json, "num_local_experts", moe.num_experts,
                       "the same as \"n_routed_experts\"", where));
  EBB_TRY_ASSIGN(moe.experts_per_token, GetInt(json, "num_experts_per_tok", 1, kMaxExperts, where));
  EBB_TRY_ASSIGN(moe.intermediate_size, GetInt(json, "moe_intermediate_size", 1, kMaxWidth, where));
  EBB_TRY_ASSIGN(const int64_t shared,
                 GetInt(json, "n_shared_experts", 0, kMaxWidth / moe.intermediate_size, where, 0));
  moe.shared_intermediate_size = shared * moe.intermediate_size;
  EBB_TRY_ASSIGN(moe.first_dense_layers,
                 GetInt(json, "first_k_dense_replace", 0, kMaxLayers, where));
  EBB_TRY_ASSIGN(moe.num_groups, GetInt(json, "n_group", 1, kMaxExperts, where));
  EBB_TRY_ASSIGN(moe.groups_per_token, GetInt(json, "topk_group", 1, kMaxExperts, where));
  EBB_TRY_ASSIGN(moe.normalise_top_k, GetFlag(json, "norm_topk_prob", where));
  EBB_TRY_ASSIGN(moe.routed_scaling_factor,
                 GetNumber(json, "routed_scaling_factor", 1e-6, 1e6, where));
  return moe;
}

}  // namespace

Result<ModelConfig> ParseDeepseekV3(const Json& json, const std::string& where) {
  EBB_TRY_ASSIGN(ModelConfig config, ParseCommon(json, where));
  config.architecture = Architecture::kDeepseekV3;
  EBB_TRY_ASSIGN(config.mla, ParseMla(json, config.num_heads, where));
  EBB_TRY_ASSIGN(config.moe, ParseMoe(json, where));
  EBB_TRY_ASSIGN(config.num_mtp_layers,
                 GetInt(json, "num_nextn_predict_layers", 0, kMaxLayers, where, 0));
  EBB_TRY(CheckMoe(config, where));
  EBB_TRY(CheckGroups(config.moe, where));
  if (config.moe.first_dense_layers > 0) {
    EBB_TRY_ASSIGN(config.dense_intermediate_size,
                   GetInt(json, "intermediate_size", 1, kMaxWidth, where));
  }
  EBB_TRY_ASSIGN(config.rope, ParseRope(json, /*allow_yarn=*/true, where));
  EBB_TRY_ASSIGN(config.rope.interleaved, GetFlag(json, "rope_interleave", where, true));
  return config;
}

void ListDeepseekV3Layer(const ModelConfig& config, LayerId layer, std::vector<TensorSpec>& to) {
  const MlaConfig& mla = *config.mla;
  const MoeConfig& moe = config.moe;
  const int64_t hidden = config.hidden_size;
  const int64_t heads = config.num_heads;
  LayerTensors tensors(layer, to);

  tensors.Vector("input_layernorm.weight", TensorRole::kNorm, hidden);
  if (mla.q_lora_rank == 0) {
    tensors.Matrix("self_attn.q_proj.weight", TensorRole::kAttention, heads * mla.qk_head_dim(),
                   hidden);
  } else {
    tensors.Matrix("self_attn.q_a_proj.weight", TensorRole::kAttention, mla.q_lora_rank, hidden);
    tensors.Vector("self_attn.q_a_layernorm.weight", TensorRole::kNorm, mla.q_lora_rank);
    tensors.Matrix("self_attn.q_b_proj.weight", TensorRole::kAttention, heads * mla.qk_head_dim(),
                   mla.q_lora_rank);
  }
  tensors.Matrix("self_attn.kv_a_proj_with_mqa.weight", TensorRole::kAttention,
                 mla.kv_lora_rank + mla.qk_rope_head_dim, hidden);
  tensors.Vector("self_attn.kv_a_layernorm.weight", TensorRole::kNorm, mla.kv_lora_rank);
  tensors.Matrix("self_attn.kv_b_proj.weight", TensorRole::kAttention,
                 heads * (mla.qk_nope_head_dim + mla.v_head_dim), mla.kv_lora_rank);
  tensors.Matrix("self_attn.o_proj.weight", TensorRole::kAttention, hidden, heads * mla.v_head_dim);
  tensors.Vector("post_attention_layernorm.weight", TensorRole::kNorm, hidden);

  if (!config.IsMoeLayer(layer)) {
    tensors.Mlp("mlp.", TensorRole::kDenseMlp, config.dense_intermediate_size, hidden);
    return;
  }
  tensors.Matrix("mlp.gate.weight", TensorRole::kRouter, moe.num_experts, hidden);
  tensors.Vector("mlp.gate.e_score_correction_bias", TensorRole::kRouterBias, moe.num_experts);
  tensors.Experts("mlp.experts.", {"gate_proj", "up_proj", "down_proj"}, moe, hidden);
  if (moe.shared_intermediate_size > 0) {
    tensors.Mlp("mlp.shared_experts.", TensorRole::kSharedExpert, moe.shared_intermediate_size,
                hidden);
  }
}

}  // namespace ebb::arch
