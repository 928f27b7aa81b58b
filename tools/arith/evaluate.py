"""Greedy accuracy of the exported checkpoint on the held-out problems, its routing balance, and what its experts carry.

Runs transformers in float32 on the bf16 weights, so it also checks that the exported folder is what others will load.

    python evaluate.py --model ../../models/ebb-arith [--limit 100] [--ablate] [--out report.json]
"""
import argparse
import json
import math
import os
import re
from collections import Counter

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PATTERNS = {"boxed": r"\\boxed\{(-?\d+)\}", "hash": r"#### (-?\d+)", "json": r'\{"answer": (-?\d+)\}'}


def read_answer(text, format_name):
    """(strict, loose): the answer if the last line is exactly the asked format, and the answer in whatever format."""
    last = text.strip().split("\n")[-1]
    strict = re.fullmatch(PATTERNS[format_name], last)
    loose = [m for pattern in PATTERNS.values() for m in re.findall(pattern, text)] or re.findall(r"-?\d+", text)
    return int(strict[1]) if strict else None, int(loose[-1]) if loose else None


def failure(problem, text):
    """Where an answer first went wrong: the format, the choice of an operation, or its calculation."""
    if read_answer(text, problem["format"])[1] == problem["answer"]:
        return "format"
    wanted, got = (re.findall(r"(\d+ [-+*/] \d+) = (\d+)\.", t) for t in (problem["solution"], text))
    for (w_left, w_value), (g_left, g_value) in zip(wanted, got):
        if w_left != g_left:
            return "operation"
        if w_value != g_value:
            return "calculation " + w_left.split()[1]
    return "number of steps" if len(wanted) != len(got) else "copying the result"


def wilson(right, total, z=1.959964):
    """The 95 % Wilson interval of a share."""
    p, d = right / total, 1 + z * z / total
    centre, half = p + z * z / (2 * total), z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return (centre - half) / d, (centre + half) / d


@torch.no_grad()
def generate(model, tokenizer, problems, batch=100):
    """Greedy answers; prompts of similar length share a batch, padded on the left."""
    order = sorted(range(len(problems)), key=lambda i: len(problems[i]["prompt"]))
    texts, tokens = [None] * len(problems), [None] * len(problems)
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        chats = [[{"role": "user", "content": problems[i]["prompt"]}] for i in part]
        inputs = tokenizer.apply_chat_template(chats, add_generation_prompt=True, return_tensors="pt", padding=True, return_dict=True)
        out = model.generate(**inputs, max_new_tokens=96, do_sample=False)
        for row, i in enumerate(part):
            new = out[row, inputs["input_ids"].shape[1]:].tolist()
            new = new[: new.index(tokenizer.eos_token_id) + 1] if tokenizer.eos_token_id in new else new
            texts[i] = tokenizer.decode([t for t in new if t != tokenizer.eos_token_id])
            tokens[i] = inputs["input_ids"][row][inputs["attention_mask"][row].bool()].tolist() + new
    return texts, tokens


@torch.no_grad()
def count_selections(model, sequences):
    """Selections [layer, expert] over every token of the run, one unpadded sequence at a time."""
    layers = [i for i, layer in enumerate(model.model.layers) if hasattr(layer.mlp, "gate")]
    counts = {i: torch.zeros(model.config.num_local_experts, dtype=torch.long) for i in layers}

    def hook(i):
        def add(module, inputs, output):  # returns nothing, or it would replace the router's output
            counts[i].add_(torch.bincount(output[2].flatten(), minlength=len(counts[i])))
        return add

    handles = [model.model.layers[i].mlp.gate.register_forward_hook(hook(i)) for i in layers]
    for ids in sequences:
        model(torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return counts


def share(rows):
    return {"right": sum(rows), "of": len(rows), "share": round(sum(rows) / len(rows), 4)}


def score(problems, texts):
    """Accuracy: strict (format and number), loose (number), and by format and by steps; kinds of failures."""
    answers = [read_answer(text, p["format"]) for p, text in zip(problems, texts)]
    strict = [a[0] == p["answer"] for a, p in zip(answers, problems)]
    loose = [a[1] == p["answer"] for a, p in zip(answers, problems)]
    report = {"strict": share(strict), "any_format": share(loose), "in_format": share([a[0] is not None for a in answers])}
    report["strict"]["wilson95"] = [round(x, 4) for x in wilson(sum(strict), len(strict))]
    for key in ("format", "steps"):
        report[f"strict_by_{key}"] = {str(v): share([s for s, p in zip(strict, problems) if p[key] == v]) for v in sorted({p[key] for p in problems})}
    wrong = [(p, text) for s, p, text in zip(strict, problems, texts) if not s]
    report["failures"] = dict(Counter(failure(p, text) for p, text in wrong).most_common())
    report["failed_templates"] = dict(Counter("chain" if p["instance"].startswith("chain") else p["instance"].split(":")[0] for p, _ in wrong).most_common())
    report["wrong"] = [{"id": p["id"], "solution": p["solution"], "output": text} for p, text in wrong]
    return report


@torch.no_grad()
def ablate(model, tokenizer, problems):
    """Accuracy with one layer's routed experts giving zero, for each MoE layer."""
    results = {}
    for i, layer in enumerate(model.model.layers):
        if hasattr(layer.mlp, "experts"):
            down = layer.mlp.experts.down_proj
            kept = down.clone()
            down.zero_()
            report = score(problems, generate(model, tokenizer, problems)[0])
            down.copy_(kept)
            results[i] = {"strict": report["strict"]["share"], "any_format": report["any_format"]["share"]}
            print("without layer", i, results[i], flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--out", help="write the whole report as JSON")
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    with open(os.path.join(args.model, "heldout.jsonl"), encoding="utf-8") as file:
        problems = [json.loads(line) for line in file][: args.limit]
    texts, sequences = generate(model, tokenizer, problems)
    report = score(problems, texts)
    counts = count_selections(model, sequences)
    report["selections"] = {i: [round(x, 5) for x in (c / c.sum()).tolist()] for i, c in counts.items()}
    report["least_share"] = min(min(shares) for shares in report["selections"].values())
    print(json.dumps({k: v for k, v in report.items() if k not in ("wrong", "selections")}, indent=1))
    if args.ablate:
        report["without_layer"] = ablate(model, tokenizer, problems)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
