"""Random weights for a case of model_cases.py, and the checkpoint folder that holds them.

Everything matters: norms are not one, router biases not zero, attention is not flat, and the scales
are such that logits are of order one.
"""

import json

import safetensors.torch
import torch
import transformers
from transformers import AutoModelForCausalLM

DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def is_deepseek(config):
    return config["model_type"] == "deepseek_v3"


# ---- weights


def tensor_shapes(config):
    """Names and shapes as released checkpoints have them: transformers' own list, unfused."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            transformers.AutoConfig.for_model(**config), dtype=torch.float32
        )
    shapes = {}
    for name, tensor in model.state_dict().items():
        prefix, _, last = name.rpartition(".")
        if last in ("gate_up_proj", "down_proj") and prefix.endswith("experts"):
            experts, rows, cols = tensor.shape
            names = expert_names(config)
            parts = names[:2] if last == "gate_up_proj" else names[2:]
            for expert in range(experts):
                for part in parts:
                    shapes[f"{prefix}.{expert}.{part}.weight"] = (rows // len(parts), cols)
        elif not (config["tie_word_embeddings"] and name == "lm_head.weight") and tensor.numel():
            shapes[name] = tuple(tensor.shape)
    if not is_deepseek(config):
        shapes = {n.replace(".mlp.", ".block_sparse_moe."): s for n, s in shapes.items()}
    return shapes


def expert_names(config):
    """Of gate, up and down."""
    return ("gate_proj", "up_proj", "down_proj") if is_deepseek(config) else ("w1", "w3", "w2")


def random_tensor(name, shape, tied, generator):
    def normal(scale):
        return torch.randn(shape, generator=generator) * scale

    if "norm" in name:
        return torch.rand(shape, generator=generator) + 0.5
    if name.endswith("e_score_correction_bias"):
        return (torch.rand(shape, generator=generator) - 0.5) * 0.3
    if name.endswith("embed_tokens.weight"):
        return normal(shape[1] ** -0.5 if tied else 1.0)
    width = shape[1] ** -0.5
    if name.endswith("gate.weight"):
        return normal(1.5 * width)
    if "q_proj" in name or "q_b_proj" in name or "k_proj" in name:
        return normal(1.6 * width)
    return normal(1.2 * width)


def stored_dtype(case, name, index):
    if case.dtype != "mixed":
        # transformers keeps this one in float32 whatever the rest is in.
        keep = name.endswith("e_score_correction_bias")
        return torch.float32 if keep else DTYPES[case.dtype]
    if "norm" in name or ".gate." in name:
        return torch.float32
    if ".experts." in name:
        return torch.bfloat16
    return (torch.bfloat16, torch.float16, torch.float32)[index % 3]


def random_weights(case, generator):
    weights = {}
    for index, (name, shape) in enumerate(tensor_shapes(case.config).items()):
        value = random_tensor(name, shape, case.config["tie_word_embeddings"], generator)
        weights[name] = value.to(stored_dtype(case, name, index))
    return weights


# ---- files


def fuse(case, weights):
    """Experts as transformers 5 saves them with save_original_format=False."""
    gate, up, down = expert_names(case.config)
    fused = {}
    for name, tensor in weights.items():
        if ".experts." not in name:
            fused[name.replace(".block_sparse_moe.", ".mlp.")] = tensor
    layers = sorted({n.split(".experts.")[0] for n in weights if ".experts." in n})
    for layer in layers:
        count = sum(1 for n in weights if n.startswith(f"{layer}.experts.") and f".{gate}." in n)

        def stack(part, prefix=f"{layer}.experts", count=count):
            return torch.stack([weights[f"{prefix}.{e}.{part}.weight"] for e in range(count)])

        to = layer.replace(".block_sparse_moe", ".mlp") + ".experts"
        fused[f"{to}.gate_up_proj"] = torch.cat([stack(gate), stack(up)], dim=1).contiguous()
        fused[f"{to}.down_proj"] = stack(down)
    return fused


def extra_tensors(case, weights):
    config = case.config
    extras = {}
    for layer in range(config["num_hidden_layers"]):
        extras[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.rand(3)
        if config.get("n_shared_experts") == 0 and layer >= config["first_k_dense_replace"]:
            empty = f"model.layers.{layer}.mlp.shared_experts"
            hidden = config["hidden_size"]
            extras[f"{empty}.gate_proj.weight"] = torch.zeros(0, hidden)
            extras[f"{empty}.up_proj.weight"] = torch.zeros(0, hidden)
            extras[f"{empty}.down_proj.weight"] = torch.zeros(hidden, 0)
    for layer in range(config.get("num_nextn_predict_layers", 0)):
        beyond = f"model.layers.{config['num_hidden_layers'] + layer}"
        extras[f"{beyond}.eh_proj.weight"] = torch.rand(4, 8)
        extras[f"{beyond}.enorm.weight"] = torch.rand(4)
    if config["tie_word_embeddings"]:
        extras["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    return extras


def write_checkpoint(case, weights, folder):
    config = case.config | {"transformers_version": transformers.__version__}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = fuse(case, weights) if case.fused else dict(weights)
    if case.extras:
        tensors |= extra_tensors(case, weights)
    if case.shards == 1:
        safetensors.torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    names = list(tensors)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": {}}
    for shard in range(case.shards):
        file = f"model-{shard + 1:05}-of-{case.shards:05}.safetensors"
        chosen = names[shard :: case.shards]  # neighbours lie in different shards
        content = {n: tensors[n] for n in chosen}
        safetensors.torch.save_file(content, folder / file, {"format": "pt"})
        index["weight_map"] |= {n: file for n in chosen}
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (folder / "model.safetensors.index.json").write_text(text)
