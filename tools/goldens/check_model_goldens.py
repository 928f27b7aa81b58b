#!/usr/bin/env python3
"""Checks tests/golden/models against a forward pass of its own: float64, without transformers.

It is the shortest full description of what the two architectures compute, and shows that the
goldens are right for reasons that can be read here: logits and residual streams must agree to
1e-5, and the chosen experts must be the same.
"""

import json
import math
import pathlib

import numpy as np
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"
# Of the norms inside of latent attention, whatever rms_norm_eps says.
LATENT_EPS = 1e-6


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mlp(x, gate, up, down):
    g = x @ gate.T
    return (g * sigmoid(g) * (x @ up.T)) @ down.T


class Rope:
    """inverse: a frequency per pair; scale: of cosine and sine; softmax_scale: of the scores."""

    def __init__(self, config, dim):
        settings = config.get("rope_scaling") or config.get("rope_parameters") or {}
        theta = settings.get("rope_theta", config.get("rope_theta"))
        steps = theta ** (np.arange(0, dim, 2) / dim)
        self.inverse, self.scale, self.softmax_scale = 1 / steps, 1.0, 1.0
        if settings.get("rope_type", settings.get("type", "default")) == "yarn":
            self._stretch(settings, theta, steps, dim, config["max_position_embeddings"])

    def _stretch(self, settings, theta, steps, dim, max_positions):
        factor = settings["factor"]
        positions = settings.get("original_max_position_embeddings", max_positions)
        mscale, all_dim = settings.get("mscale"), settings.get("mscale_all_dim")

        def magnitude(weight=1.0):
            return 0.1 * weight * math.log(factor) + 1 if factor > 1 else 1.0

        def dim_that_turns(times):
            return dim * math.log(positions / (times * 2 * math.pi)) / (2 * math.log(theta))

        low = dim_that_turns(settings.get("beta_fast") or 32)
        high = dim_that_turns(settings.get("beta_slow") or 1)
        if settings.get("truncate", True):
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, dim - 1)
        if low == high:
            high += 0.001
        ramp = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)
        self.inverse = ramp / (factor * steps) + (1 - ramp) / steps
        self.scale = settings.get("attention_factor")
        if self.scale is None:
            both = mscale and all_dim
            self.scale = magnitude(mscale) / magnitude(all_dim) if both else magnitude()
        if all_dim:
            self.softmax_scale = magnitude(all_dim) ** 2

    def rotate(self, x, interleaved):
        """x: [tokens, heads, dim]. Gives the first members of all pairs, then the second ones."""
        angles = (np.arange(len(x))[:, None] * self.inverse)[:, None, :]
        cos, sin = np.cos(angles) * self.scale, np.sin(angles) * self.scale
        half = x.shape[-1] // 2
        a = x[..., 0::2] if interleaved else x[..., :half]
        b = x[..., 1::2] if interleaved else x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def attend(q, k, v, scale, window):
    positions = np.arange(len(q))
    visible = positions[None, :] <= positions[:, None]
    if window is not None:  # the last `window` positions, with the token's own
        visible &= positions[None, :] > positions[:, None] - window
    scores = np.einsum("thd,shd->hts", q, k) * scale
    weights = softmax(np.where(visible, scores, -np.inf))
    return np.einsum("hts,shd->thd", weights, v).reshape(len(q), -1)


def latent_attention(config, weight, x):
    heads, rank = config["num_attention_heads"], config["kv_lora_rank"]
    nope, rotary = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
    interleaved = config.get("rope_interleave", True)
    rope = Rope(config, rotary)
    if config["q_lora_rank"] is None:
        q = x @ weight("self_attn.q_proj").T
    else:
        q = x @ weight("self_attn.q_a_proj").T
        q = rms_norm(q, weight("self_attn.q_a_layernorm"), LATENT_EPS)
        q = q @ weight("self_attn.q_b_proj").T
    q = q.reshape(len(x), heads, nope + rotary)
    compressed = x @ weight("self_attn.kv_a_proj_with_mqa").T
    latent = rms_norm(compressed[:, :rank], weight("self_attn.kv_a_layernorm"), LATENT_EPS)
    k_rotary = rope.rotate(compressed[:, None, rank:], interleaved)  # one for all heads
    kv = (latent @ weight("self_attn.kv_b_proj").T).reshape(len(x), heads, -1)
    k = np.concatenate([kv[..., :nope], np.repeat(k_rotary, heads, 1)], -1)
    q = np.concatenate([q[..., :nope], rope.rotate(q[..., nope:], interleaved)], -1)
    scale = (nope + rotary) ** -0.5 * rope.softmax_scale
    return attend(q, k, kv[..., nope:], scale, None) @ weight("self_attn.o_proj").T


def grouped_query_attention(config, weight, x):
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = Rope(config, dim)
    q = rope.rotate((x @ weight("self_attn.q_proj").T).reshape(len(x), heads, dim), False)
    k = rope.rotate((x @ weight("self_attn.k_proj").T).reshape(len(x), kv_heads, dim), False)
    v = (x @ weight("self_attn.v_proj").T).reshape(len(x), kv_heads, dim)
    k, v = (np.repeat(part, heads // kv_heads, 1) for part in (k, v))
    out = attend(q, k, v, dim**-0.5, config.get("sliding_window"))
    return out @ weight("self_attn.o_proj").T


def route_sigmoid(config, logits, bias):
    """The bias counts for the choice only; a group's score is the sum of its two best."""
    scores = sigmoid(logits)
    groups = (scores + bias).reshape(len(logits), config["n_group"], -1)
    group_scores = np.sort(groups, -1)[..., -2:].sum(-1)
    refused = np.argsort(-group_scores, -1)[:, config["topk_group"] :]
    np.put_along_axis(groups, refused[..., None], -np.inf, 1)
    choice = groups.reshape(logits.shape)
    chosen = np.argsort(-choice, -1)[:, : config["num_experts_per_tok"]]
    weights = np.take_along_axis(scores, chosen, 1)
    if config["norm_topk_prob"]:
        weights = weights / (weights.sum(-1, keepdims=True) + 1e-20)
    return chosen, weights * config["routed_scaling_factor"]


def route_softmax(config, logits):
    scores = softmax(logits)
    chosen = np.argsort(-scores, -1)[:, : config["num_experts_per_tok"]]
    weights = np.take_along_axis(scores, chosen, 1)
    return chosen, weights / weights.sum(-1, keepdims=True)


def expert(tensors, prefix, number, names):
    fused = tensors.get(f"{prefix}.gate_up_proj")
    if fused is not None:
        gate, up = np.split(fused[number], 2)
        return gate, up, tensors[f"{prefix}.down_proj"][number]
    return [tensors[f"{prefix}.{number}.{name}.weight"] for name in names]


def forward(config, tensors, tokens):
    deepseek = config["model_type"] == "deepseek_v3"
    names = ("gate_proj", "up_proj", "down_proj") if deepseek else ("w1", "w3", "w2")
    eps = config["rms_norm_eps"]
    x = tensors["model.embed_tokens.weight"][tokens]
    streams, choices = [x], []
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."

        def weight(name, prefix=prefix):
            return tensors[f"{prefix}{name}.weight"]

        attention = latent_attention if deepseek else grouped_query_attention
        x = x + attention(config, weight, rms_norm(x, weight("input_layernorm"), eps))
        h = rms_norm(x, weight("post_attention_layernorm"), eps)
        if deepseek and layer < config["first_k_dense_replace"]:
            x = x + mlp(h, *(weight(f"mlp.{name}") for name in names))
            choices.append(None)
        else:
            block = "mlp" if f"{prefix}mlp.gate.weight" in tensors else "block_sparse_moe"
            logits = h @ weight(f"{block}.gate").T
            if deepseek:
                bias = tensors[f"{prefix}mlp.gate.e_score_correction_bias"]
                chosen, weights = route_sigmoid(config, logits, bias)
            else:
                chosen, weights = route_softmax(config, logits)
            out = np.zeros_like(x)
            for number in range(logits.shape[1]):
                matrices = expert(tensors, f"{prefix}{block}.experts", number, names)
                for token, place in zip(*np.where(chosen == number)):
                    out[token] += weights[token, place] * mlp(h[token], *matrices)
            if deepseek and config["n_shared_experts"]:
                out += mlp(h, *(weight(f"mlp.shared_experts.{name}") for name in names))
            x = x + out
            choices.append(np.sort(chosen, -1).tolist())
        streams.append(x)
    head = "model.embed_tokens" if config["tie_word_embeddings"] else "lm_head"
    normed = rms_norm(x, tensors["model.norm.weight"], eps)
    return normed @ tensors[f"{head}.weight"].T, np.stack(streams), choices


def difference(ours, theirs):
    """The largest relative difference of a position."""
    norm = np.linalg.norm
    return (norm(ours - theirs, axis=-1) / norm(theirs, axis=-1)).max()


def main():
    for folder in sorted(path for path in ROOT.iterdir() if path.is_dir()):
        config = json.loads((folder / "config.json").read_text())
        golden = json.loads((folder / "golden.json").read_text())
        tensors = {}
        for file in folder.glob("*.safetensors"):
            tensors |= {name: t.double().numpy() for name, t in load_file(file).items()}
        logits, streams, choices = forward(config, tensors, golden["tokens"])
        of_logits = difference(logits, np.load(folder / "logits.npy"))
        of_streams = difference(streams, np.load(folder / "hidden.npy"))
        print(f"{folder.name:32} logits {of_logits:.1e}, streams {of_streams:.1e}")
        assert of_logits < 1e-5 and of_streams < 1e-5
        assert choices == golden["experts"]


if __name__ == "__main__":
    main()
