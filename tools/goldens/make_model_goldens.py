#!/usr/bin/env python3
"""Writes tests/golden/models: small random models, and what transformers makes of them.

    python -m venv v && v/bin/pip install -r tools/goldens/requirements.txt
    v/bin/python tools/goldens/make_model_goldens.py [NAME...]

Each folder holds a checkpoint as users have them (config.json, safetensors in one file or shards,
experts as 2-D or fused 3-D tensors, bf16, f16 and f32) and the reference:

    logits.npy   float32 [tokens, vocab]: float32 arithmetic on the CPU, eager attention, no cache
    hidden.npy   float32 [layers + 1, tokens, hidden]: the residual stream, before the first layer
                 and after each
    golden.json  tokens, the chosen experts [layer][token][k] in ascending order (null for a dense
                 layer), rope constants, and for every tensor of the model (experts unfused) its
                 stored dtype, shape and the XXH3-64 of its bytes; versions and the seed

A golden is only written when it is worth having: every tensor changes the logits when it is zeroed,
every listed setting changes them, no choice of experts or groups is a near-tie, every expert is
chosen by some token, and decoding token by token with a cache gives the same logits.
"""

import argparse
import copy
import json
import pathlib
import shutil
import sys

import numpy as np
import safetensors
import torch
import transformers
import xxhash
from transformers import AutoModelForCausalLM

from model_cases import CASES
from random_checkpoint import expert_names, is_deepseek, random_weights, write_checkpoint

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"
SEED = 20250
# Distance, in router scores (DeepSeek) or logits (Mixtral), between the last chosen and the first
# refused expert or group: far above float32 rounding, so that every correct implementation chooses
# alike.
MARGIN = 2e-3
DTYPE_NAMES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}


def relative_change(a, b):
    return ((a - b).norm() / b.norm()).item()


# ---- the reference


def load(folder, config=None):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=torch.float32,
        attn_implementation="eager",
        experts_implementation="eager",
        output_loading_info=True,
    )
    if config is None:
        # Only what has no elements may be missing: the shared experts when there are none.
        missing = [n for n in info["missing_keys"] if model.get_parameter(n).numel()]
        assert not missing, missing
        assert not info["mismatched_keys"], info["mismatched_keys"]
    return model.eval()


def changed_config(case, changes):
    config = copy.deepcopy(case.config)
    for path, value in changes.items():
        *outer, key = path.split(".")
        target = config
        for name in outer:
            target = target[name]
        if value is None and outer:
            target.pop(key, None)
        else:
            target[key] = value
    return transformers.AutoConfig.for_model(**config)


class Recorder:
    """Keeps what the routers and layers of `model` give for the last forward pass."""

    def __init__(self, model):
        self.routers = {}
        self.streams = []
        for number, layer in enumerate(model.model.layers):
            if hasattr(layer.mlp, "gate"):
                layer.mlp.gate.register_forward_hook(self._router_hook(number))
            layer.register_forward_hook(lambda module, args, out: self.streams.append(out))
        model.model.embed_tokens.register_forward_hook(
            lambda module, args, out: self.streams.__init__([out])
        )

    def _router_hook(self, number):
        def hook(module, args, out):
            self.routers[number] = (module, out[0], out[2])

        return hook


@torch.no_grad()
def logits_of(model, tokens):
    return model(torch.tensor([tokens]), use_cache=False).logits[0]


def gap(scores, chosen):
    """Distance between the last chosen and the first refused of each row."""
    ordered = scores.sort(dim=-1, descending=True).values
    if chosen >= ordered.shape[-1]:
        return torch.full(scores.shape[:-1], torch.inf)
    return ordered[..., chosen - 1] - ordered[..., chosen]


def choice_margins(config, module, router_logits):
    """Per token: how far from a tie the choice of groups and experts is."""
    if not is_deepseek(config):
        return gap(router_logits, config["num_experts_per_tok"])
    scores = router_logits.sigmoid() + module.e_score_correction_bias
    grouped = scores.view(len(scores), config["n_group"], -1)
    group_scores = grouped.topk(2, dim=-1).values.sum(-1)
    kept = group_scores.topk(config["topk_group"], dim=-1).indices
    mask = torch.full_like(group_scores, -torch.inf).scatter(1, kept, 0.0)
    allowed = (grouped + mask.unsqueeze(-1)).view_as(scores)
    margins = gap(allowed, config["num_experts_per_tok"])
    return torch.minimum(margins, gap(group_scores, config["topk_group"]))


def choose_tokens(case, model, recorder, generator):
    """Random ids; one whose routing would be a near-tie in any layer is drawn again.

    Returns none when some expert was never chosen.
    """
    tokens = []
    smallest = torch.inf
    while len(tokens) < case.tokens:
        token = int(torch.randint(case.config["vocab_size"], (1,), generator=generator))
        logits_of(model, tokens + [token])
        margin = min(
            choice_margins(case.config, module, logits)[-1].item()
            for module, logits, _ in recorder.routers.values()
        )
        if margin >= MARGIN:
            tokens.append(token)
            smallest = min(smallest, margin)
    logits_of(model, tokens)
    for module, logits, chosen in recorder.routers.values():
        if len(chosen.unique()) < logits.shape[-1]:
            return None, 0
    return tokens, smallest


def chosen_experts(case, recorder):
    layers = []
    for number in range(case.config["num_hidden_layers"]):
        chosen = recorder.routers.get(number)
        layers.append(None if chosen is None else chosen[2].sort(dim=-1).values.tolist())
    return layers


# ---- whether a golden is worth having


@torch.no_grad()
def check_cache(model, tokens, logits):
    cache = transformers.DynamicCache(config=model.config)
    steps = []
    for token in tokens:
        out = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
        steps.append(out.logits[0, 0])
    difference = relative_change(torch.stack(steps), logits)
    assert difference < 2e-6, f"with a cache the logits differ by {difference}"
    return difference


def check_weights_are_as_written(model, case, weights):
    gate, up, down = expert_names(case.config)
    loaded = model.state_dict()
    for name, tensor in weights.items():
        name = name.replace(".block_sparse_moe.", ".mlp.")
        if ".experts." in name and "shared" not in name:
            prefix, _, rest = name.partition(".experts.")
            expert, part, _ = rest.split(".")
            if part == down:
                value = loaded[f"{prefix}.experts.down_proj"][int(expert)]
            else:
                both = loaded[f"{prefix}.experts.gate_up_proj"][int(expert)]
                value = both.chunk(2)[0 if part == gate else 1]
        else:
            value = loaded[name]
        assert torch.equal(value, tensor.float()), name


@torch.no_grad()
def check_everything_matters(case, model, folder, tokens, logits):
    state = model.state_dict()
    for name, tensor in state.items():
        pieces = tensor if tensor.dim() == 3 else [tensor]  # each expert on its own
        for number, piece in enumerate(pieces):
            if not piece.numel() or (name == "lm_head.weight" and model.config.tie_word_embeddings):
                continue
            kept = piece.clone()
            piece.zero_()
            change = relative_change(logits_of(model, tokens), logits)
            piece.copy_(kept)
            assert change > 1e-3, f"{name} {number} hardly matters: {change}"
    for changes in case.must_matter:
        other = load(folder, changed_config(case, changes))
        change = relative_change(logits_of(other, tokens), logits)
        assert change > 5e-4, f"{changes} hardly matters: {change}"


# ---- golden.json


def describe(case, weights):
    tensors = {}
    for name, tensor in weights.items():
        raw = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        tensors[name] = {
            "dtype": DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "xxh3": xxhash.xxh3_64_hexdigest(raw),
        }
    return tensors


def dump_golden(golden, path):
    """JSON with one tensor and one layer a line."""
    lines = []
    for key, value in golden.items():
        if key == "tensors":
            inner = ",\n".join(f"    {json.dumps(n)}: {json.dumps(t)}" for n, t in value.items())
            lines.append(f'  "tensors": {{\n{inner}\n  }}')
        elif key == "experts":
            inner = ",\n".join(f"    {json.dumps(layer)}" for layer in value)
            lines.append(f'  "experts": [\n{inner}\n  ]')
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text, parse_constant=lambda name: sys.exit(f"{name} is not JSON"))
    path.write_text(text)


def make(case, seed):
    folder = ROOT / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    weights = random_weights(case, generator)
    write_checkpoint(case, weights, folder)

    model = load(folder)
    recorder = Recorder(model)
    check_weights_are_as_written(model, case, weights)
    tokens, margin = None, 0
    while tokens is None:
        tokens, margin = choose_tokens(case, model, recorder, generator)
    logits = logits_of(model, tokens)
    experts = chosen_experts(case, recorder)
    streams = torch.cat(recorder.streams)
    assert 0.3 < logits.std() < 3, f"logits of deviation {logits.std()}"
    cache_difference = check_cache(model, tokens, logits)
    check_everything_matters(case, model, folder, tokens, logits)

    rotary = model.model.rotary_emb
    golden = {
        "versions": {
            "transformers": transformers.__version__,
            "torch": torch.__version__.split("+")[0],
            "safetensors": safetensors.__version__,
        },
        "seed": seed,
        "tokens": tokens,
        "rope": {
            "inverse_frequencies": rotary.inv_freq.tolist(),
            "cos_sin_scale": rotary.attention_scaling,
            "softmax_scale": model.model.layers[0].self_attn.scaling,
        },
        "smallest_routing_margin": margin if margin < torch.inf else None,
        "cached_relative_difference": cache_difference,
        "experts": experts,
        "tensors": describe(case, weights),
    }
    dump_golden(golden, folder / "golden.json")
    np.save(folder / "logits.npy", logits.numpy())
    np.save(folder / "hidden.npy", streams.numpy())
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(
        f"{case.name:32} {size / 1024:6.1f} KiB, {len(weights)} tensors, margin {margin:.4f}, "
        f"logits {logits.std():.2f}, cache {cache_difference:.1e}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="only these cases")
    args = parser.parse_args()
    unknown = set(args.names) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for number, case in enumerate(CASES):
        if not args.names or case.name in args.names:
            make(case, SEED + number)


if __name__ == "__main__":
    main()
