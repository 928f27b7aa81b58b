"""Proves that our model and transformers compute the same: float32 logits on the exported checkpoint, relative to 1e-4.

    python check_export.py --model ../../models/ebb-arith        the shipped model, on held-out prompts
    python check_export.py --random deepseek_v3|mixtral          untrained weights with uneven routing, on random tokens
"""
import argparse
import json
import os
import tempfile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from export import export, load
from model import CONFIGS, Model

TOLERANCE = 1e-4


def random_checkpoint(arch, folder, seed):
    """Untrained weights, with norms, biases and routers moved away from their neutral start values."""
    torch.manual_seed(seed)
    model = Model(CONFIGS[arch])
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + list(model.named_buffers()):
            if name.endswith("norm"):
                p.mul_(1 + 0.3 * torch.randn_like(p))
            elif name.endswith("bias"):
                p.add_(0.1 * torch.randn_like(p))
    export(model, folder)


def worst_difference(folder, prompts):
    ours = load(folder)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    worst = 0.0
    with torch.no_grad():
        for ids in prompts:
            a, b = ours(ids)[0], theirs(ids).logits
            worst = max(worst, ((a - b).norm(dim=-1) / b.norm(dim=-1)).max().item())
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--random", choices=list(CONFIGS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if args.random:
            random_checkpoint(args.random, scratch, seed=5)
            prompts = [torch.randint(0, CONFIGS[args.random]["vocab_size"], (3, length)) for length in (1, 17, 200, 512)]
        else:
            tokenizer = AutoTokenizer.from_pretrained(args.model)
            with open(os.path.join(args.model, "heldout.jsonl"), encoding="utf-8") as file:
                problems = [json.loads(line) for line in file][:100]
            prompts = [tokenizer.apply_chat_template([{"role": "user", "content": p["prompt"]}, {"role": "assistant", "content": p["solution"]}],
                                                     return_tensors="pt")["input_ids"] for p in problems]
        worst = worst_difference(args.model or scratch, prompts)
    print(f"worst relative difference over {sum(p.numel() for p in prompts)} positions: {worst:.2e} (tolerance {TOLERANCE:.0e})")
    raise SystemExit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
