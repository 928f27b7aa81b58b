"""Training batches: chat-formatted problems, generated as they are needed, so that no problem is stored or repeated by plan.

Chunk number c of a seed is always the same problems in the same order, so a resumed run sees what it would have seen.
"""
import random

import torch

from problems import make_problems

CHUNK = 20000
PAD = 0


def encode(tokenizer, problems):
    """Token ids of each chat, and where its answer starts (after the assistant header)."""
    heads = [f"<|im_user|>user<|im_middle|>{p['prompt']}<|im_end|><|im_assistant|>assistant<|im_middle|>" for p in problems]
    tails = [p["solution"] + "<|im_end|>" for p in problems]
    return [(h.ids + t.ids, len(h.ids)) for h, t in zip(tokenizer.encode_batch(heads), tokenizer.encode_batch(tails))]


def to_batch(rows, prompt_weight):
    """ids [rows, longest] and the loss weight of predicting ids[:, 1:]: 1 in the answer, prompt_weight before it, 0 on padding."""
    longest = max(len(ids) for ids, _ in rows)
    ids, weight = torch.full((len(rows), longest), PAD), torch.zeros(len(rows), longest - 1)
    for row, (tokens, start) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        weight[row, : start - 1] = prompt_weight
        weight[row, start - 1 : len(tokens) - 1] = 1
    return ids, weight


def chunk_batches(tokenizer, seed, chunk, tokens, prompt_weight):
    """The chunk's problems as batches of about `tokens` tokens; rows of a batch have nearly one length, batches come shuffled."""
    rng = random.Random(f"ebb-arith/batches/{seed}/{chunk}")
    rows = encode(tokenizer, make_problems(f"{seed}/{chunk}", CHUNK, heldout=False))
    rows.sort(key=lambda row: (len(row[0]), rng.random()))
    batches, current = [], []
    for row in rows:
        if current and (len(current) + 1) * len(row[0]) > tokens:
            batches.append(current)
            current = []
        current.append(row)
    rng.shuffle(batches)  # the last, partial batch is dropped
    return [to_batch(batch, prompt_weight) for batch in batches]
