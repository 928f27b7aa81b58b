"""Writes a training checkpoint as a Hugging Face checkpoint: bf16 safetensors, config.json, generation_config.json.

    python export.py --checkpoint DIR/checkpoint.pt --out ../../models/ebb-arith
"""
import argparse
import json
import os

import torch
from safetensors.torch import load_file, save_file

from model import Model


def mlp_pieces(prefix, names, gate_up, down):
    gate, up = gate_up.chunk(2, 0)
    return [(f"{prefix}.{name}.weight", tensor) for name, tensor in zip(names, (gate, up, down))]


def pieces(model):
    """(Hugging Face name, view into our tensor) of every weight: export reads through the views, load writes through them."""
    out = [("model.embed_tokens.weight", model.embed), ("model.norm.weight", model.norm), ("lm_head.weight", model.head)]
    for i, layer in enumerate(model.layers):
        at = f"model.layers.{i}"
        out += [(f"{at}.input_layernorm.weight", layer.attention_norm), (f"{at}.post_attention_layernorm.weight", layer.mlp_norm),
                (f"{at}.self_attn.q_proj.weight", layer.q), (f"{at}.self_attn.o_proj.weight", layer.o)]
        if layer.deepseek:
            out += [(f"{at}.self_attn.kv_a_proj_with_mqa.weight", layer.kv_a), (f"{at}.self_attn.kv_a_layernorm.weight", layer.kv_norm),
                    (f"{at}.self_attn.kv_b_proj.weight", layer.kv_b)]
            names, moe = ("gate_proj", "up_proj", "down_proj"), f"{at}.mlp"
        else:
            out += [(f"{at}.self_attn.k_proj.weight", layer.k), (f"{at}.self_attn.v_proj.weight", layer.v)]
            names, moe = ("w1", "w3", "w2"), f"{at}.block_sparse_moe"
        if not layer.moe:
            out += mlp_pieces(f"{at}.mlp", names, layer.dense.gate_up, layer.dense.down)
            continue
        out.append((f"{moe}.gate.weight", layer.gate))
        if layer.deepseek:
            out.append((f"{moe}.gate.e_score_correction_bias", layer.bias))
            out += mlp_pieces(f"{moe}.shared_experts", names, layer.shared.gate_up, layer.shared.down)
        for e in range(len(layer.gate_up)):
            out += mlp_pieces(f"{moe}.experts.{e}", names, layer.gate_up[e], layer.down[e])
    return out


@torch.no_grad()
def export(model, folder):
    """The correction bias stays float32 (it decides near ties between experts); all else is rounded to bf16."""
    tensors = {name: (t.float() if name.endswith("bias") else t.bfloat16()).contiguous().clone() for name, t in pieces(model)}
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    config = model.config | {"torch_dtype": "bfloat16"}
    ids = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    for name, value in (("config.json", config), ("generation_config.json", ids | {"do_sample": False, "max_new_tokens": 96})):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")


@torch.no_grad()
def load(folder, compute_dtype=torch.float32):
    """The exported checkpoint in our own model, to compare it with transformers."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        model = Model(json.load(file), compute_dtype)
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    for name, view in pieces(model):
        view.copy_(tensors.pop(name))
    assert not tensors, f"unknown tensors: {list(tensors)}"
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    state = torch.load(args.checkpoint, weights_only=True)
    model = Model(state["config"])
    model.load_state_dict(state["model"])
    os.makedirs(args.out, exist_ok=True)
    export(model, args.out)
    print("exported step", state["at"][0])


if __name__ == "__main__":
    main()
