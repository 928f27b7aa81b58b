"""The small random models whose logits make_model_goldens.py records.

Sizes are small and awkward on purpose: no multiples of 16 or 64, heads of different widths for
queries, keys and values. Together the cases cover every setting of config.json that changes the
forward pass, both spellings of the rope settings, and every way in which experts are stored.
"""

import dataclasses


@dataclasses.dataclass
class Case:
    name: str
    config: dict  # config.json
    tokens: int  # how many
    dtype: str = "bf16"  # bf16, f16, f32 or mixed
    fused: bool = False  # experts as 3-D tensors, as transformers 5 holds them in memory
    shards: int = 1
    # Tensors that readers must step over: rotary_emb.inv_freq, a multi-token-prediction layer,
    # empty shared experts, an lm_head equal to the embedding.
    extras: bool = False
    # Changes of the config under which the same weights must give other logits, so that the golden
    # shows whether the setting is honoured. None removes a key.
    must_matter: list = dataclasses.field(default_factory=list)


DEEPSEEK = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "attention_bias": False,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "first_k_dense_replace": 1,
    "hidden_act": "silu",
    "hidden_size": 38,
    "intermediate_size": 41,
    "kv_lora_rank": 18,
    "max_position_embeddings": 64,
    "moe_intermediate_size": 12,
    "n_group": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "num_attention_heads": 3,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 3,
    "num_key_value_heads": 3,
    "q_lora_rank": None,
    "qk_nope_head_dim": 10,
    "qk_rope_head_dim": 6,
    "rms_norm_eps": 1e-5,
    "routed_scaling_factor": 2.446,
    "tie_word_embeddings": False,
    "topk_group": 1,
    "v_head_dim": 12,
    "vocab_size": 83,
}

MIXTRAL = {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 40,
    "intermediate_size": 19,
    "max_position_embeddings": 64,
    "num_attention_heads": 4,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "num_local_experts": 8,
    "rms_norm_eps": 1e-5,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "vocab_size": 83,
}


def rope(theta, **settings):
    """transformers 5 spelling."""
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta} | settings}


CASES = [
    Case(
        "deepseek_moonlight",  # every field as Moonlight-16B-A3B has it, but for the sizes
        DEEPSEEK
        | {
            "aux_loss_alpha": 0.001,
            "ep_size": 1,
            "moe_layer_freq": 1,
            "n_shared_experts": 2,
            "num_nextn_predict_layers": 0,
            "pretraining_tp": 1,
            "rope_scaling": None,
            "rope_theta": 50000.0,
            "scoring_func": "sigmoid",
            "seq_aux": True,
            "topk_method": "noaux_tc",
        },
        tokens=32,
        must_matter=[
            {"norm_topk_prob": False},
            {"routed_scaling_factor": 1.0},
            {"rope_interleave": False},
            {"rope_theta": 10000.0},
            {"num_experts_per_tok": 3},
        ],
    ),
    Case(
        "deepseek_groups",
        DEEPSEEK
        | rope(10000.0)
        | {
            "first_k_dense_replace": 0,
            "hidden_size": 36,
            "moe_intermediate_size": 10,
            "n_group": 4,
            "n_routed_experts": 12,
            "num_experts_per_tok": 4,
            "num_hidden_layers": 2,
            "q_lora_rank": 18,
            "rope_interleave": True,
            "topk_group": 2,
        },
        tokens=28,
        dtype="mixed",
        shards=3,
        must_matter=[{"n_group": 1, "topk_group": 1}, {"topk_group": 3}, {"n_group": 2}],
    ),
    Case(
        "deepseek_yarn",
        DEEPSEEK
        | {
            "first_k_dense_replace": 2,
            "max_position_embeddings": 256,
            "n_routed_experts": 6,
            "n_shared_experts": 0,
            "num_hidden_layers": 4,
            "qk_rope_head_dim": 10,
            "rope_scaling": {
                "type": "yarn",
                "factor": 4,
                "original_max_position_embeddings": 64,
                "beta_fast": 2,
                "beta_slow": 0.5,
                "mscale": 1.0,
                "mscale_all_dim": 0.7,
            },
            "rope_theta": 30.0,
        },
        tokens=40,
        must_matter=[
            {"rope_scaling": None},
            {"rope_scaling.factor": 3},
            {"rope_scaling.mscale": 0.7},
            {"rope_scaling.mscale_all_dim": 0},
            {"rope_scaling.beta_fast": 32},
            {"rope_scaling.beta_slow": 1},
            {"rope_scaling.original_max_position_embeddings": 16},
            {"rope_scaling.truncate": False},
        ],
    ),
    Case(
        "deepseek_yarn_untruncated",
        DEEPSEEK
        | rope(
            500.0,
            rope_type="yarn",
            factor=8.0,
            original_max_position_embeddings=16,
            beta_fast=1,
            beta_slow=0.1,
            truncate=False,
        )
        | {
            "max_position_embeddings": 128,
            "norm_topk_prob": False,
            "qk_nope_head_dim": 6,
            "qk_rope_head_dim": 8,
            "rope_interleave": False,
            "routed_scaling_factor": 1.0,
            "v_head_dim": 10,
        },
        tokens=36,
        dtype="f16",
        must_matter=[
            {"rope_parameters.truncate": True},
            {"rope_interleave": True},
            {"norm_topk_prob": True},
            {"rope_parameters.attention_factor": 1.0},
        ],
    ),
    Case(
        "deepseek_yarn_attention_factor",
        DEEPSEEK
        | rope(
            1000.0,
            rope_type="yarn",
            factor=2.0,
            original_max_position_embeddings=32,
            beta_fast=8,
            beta_slow=0.5,
            mscale=0.5,
            mscale_all_dim=1.0,
            attention_factor=1.25,
        )
        | {"q_lora_rank": 14, "tie_word_embeddings": True, "num_attention_heads": 5}
        | {"num_key_value_heads": 5},
        tokens=24,
        dtype="mixed",
        fused=True,
        must_matter=[
            {"rope_parameters.attention_factor": None},
            {"rope_parameters.mscale_all_dim": 0},
        ],
    ),
    Case(
        "deepseek_fused_groups",
        DEEPSEEK
        | rope(50000.0)
        | {
            "n_group": 3,
            "n_routed_experts": 6,
            "norm_topk_prob": False,
            "num_experts_per_tok": 3,
            "rms_norm_eps": 0.01,
            "rope_interleave": False,
            "topk_group": 2,
            "vocab_size": 113,
        },
        tokens=30,
        fused=True,
        shards=2,
        must_matter=[{"rms_norm_eps": 1e-6}, {"topk_group": 3}, {"rope_interleave": True}],
    ),
    Case(
        "deepseek_top1_tied",
        DEEPSEEK
        | {
            "hidden_size": 45,
            "kv_lora_rank": 9,
            "moe_intermediate_size": 11,
            "n_group": 2,
            "n_routed_experts": 6,
            "num_attention_heads": 1,
            "num_experts_per_tok": 1,
            "num_key_value_heads": 1,
            "qk_nope_head_dim": 7,
            "rope_theta": 10000,
            "tie_word_embeddings": True,
            "v_head_dim": 9,
        },
        tokens=34,
        dtype="f16",
        extras=True,
        must_matter=[{"norm_topk_prob": False}, {"n_group": 1}],
    ),
    Case(
        "deepseek_extras",
        DEEPSEEK
        | rope(10000.0)
        | {
            "first_k_dense_replace": 2,
            "n_shared_experts": 0,
            "num_nextn_predict_layers": 1,
            "q_lora_rank": 22,
            "rms_norm_eps": 0.001,
        },
        tokens=20,
        dtype="mixed",
        extras=True,
        must_matter=[{"rms_norm_eps": 1e-6}],
    ),
    Case(
        "mixtral_plain",
        MIXTRAL | {"rope_theta": 1000000.0},
        tokens=32,
        must_matter=[{"rope_theta": 10000.0}, {"num_experts_per_tok": 1}],
    ),
    Case(
        "mixtral_window",
        MIXTRAL | {"num_key_value_heads": 1, "rope_theta": 10000.0, "sliding_window": 7},
        tokens=40,
        dtype="mixed",
        must_matter=[{"sliding_window": None}, {"sliding_window": 6}],
    ),
    Case(
        "mixtral_head_dim",
        MIXTRAL
        | rope(10000.0)
        | {
            "head_dim": 14,
            "hidden_size": 38,
            "intermediate_size": 21,
            "num_attention_heads": 3,
            "num_experts_per_tok": 3,
            "num_key_value_heads": 3,
            "num_local_experts": 5,
            "num_hidden_layers": 3,
        },
        tokens=26,
        shards=2,
        must_matter=[{"num_experts_per_tok": 2}],
    ),
    Case(
        "mixtral_top1",
        MIXTRAL
        | rope(500.0)
        | {
            "num_attention_heads": 4,
            "num_experts_per_tok": 1,
            "num_key_value_heads": 4,
            "num_local_experts": 6,
        },
        tokens=30,
        dtype="f16",
        fused=True,
        must_matter=[{"num_experts_per_tok": 2}],
    ),
    Case(
        "mixtral_fused_window",
        MIXTRAL
        | rope(1000000.0)
        | {"sliding_window": 5, "tie_word_embeddings": True, "rms_norm_eps": 0.01},
        tokens=24,
        dtype="mixed",
        fused=True,
        shards=2,
        must_matter=[{"sliding_window": None}, {"rms_norm_eps": 1e-6}],
    ),
    Case(
        "mixtral_extras",
        MIXTRAL
        | {
            "head_dim": 10,
            "hidden_size": 30,
            "intermediate_size": 13,
            "num_attention_heads": 4,
            "num_experts_per_tok": 3,
            "num_key_value_heads": 2,
            "num_local_experts": 7,
            "rope_theta": 10000.0,
            "sliding_window": 3,
            "tie_word_embeddings": True,
            "vocab_size": 131,
        },
        tokens=22,
        dtype="f32",
        extras=True,
        must_matter=[{"sliding_window": 4}],
    ),
    Case(
        "mixtral_all_experts",
        MIXTRAL
        | {
            "head_dim": None,
            "hidden_size": 36,
            "intermediate_size": 15,
            "num_attention_heads": 6,
            "num_experts_per_tok": 4,
            "num_hidden_layers": 3,
            "num_key_value_heads": 3,
            "num_local_experts": 4,
            "rope_scaling": None,
            "rope_theta": 100000.0,
            "sliding_window": 64,
        },
        tokens=28,
        shards=4,
        must_matter=[{"num_experts_per_tok": 3}, {"sliding_window": 20}],
    ),
]
