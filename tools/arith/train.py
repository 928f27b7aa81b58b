"""Trains the arithmetic model. One command, from nothing to a checkpoint; run again after any kill and it goes on.

    python train.py --tokenizer ../../models/ebb-arith/tokenizer.json --work DIR --seed 1

DIR receives checkpoint.pt (replaced atomically) and loss.csv. The learning rate warms up, stays, and falls linearly to
zero over the last `--decay` share of the steps.

It runs as `--ranks` processes of one thread, which exchange gradients once a step. Two threads in one process would be
as fast on an idle machine, but they meet at every small product: beside other work they become twenty times slower.
"""
import argparse
import csv
import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from tokenizers import Tokenizer

import model as model_file
from data import PAD, chunk_batches, encode, to_batch
from model import CONFIGS, Model
from muon import Muon
from problems import make_problems

COLUMNS = ["step", "tokens", "seconds", "lr", "answer_loss", "prompt_loss", "least_share", "dev_loss", "dev_exact"]


def make_optimizers(model, lr):
    """Muon for matrices inside the layers; AdamW for embeddings, head, norms and routers."""
    muon = {1: [], 2: []}
    adam = []
    for name, p in model.named_parameters():
        leaf = name.split(".")[-1]
        if name.startswith("layers.") and p.ndim >= 2 and leaf != "gate":
            muon[2 if leaf == "gate_up" else 1].append(p)
        else:
            adam.append(p)
    return [Muon([{"params": ps, "split": split} for split, ps in muon.items()], lr=lr),
            torch.optim.AdamW(adam, lr=lr, betas=(0.9, 0.95), weight_decay=0.0)]


def learning_rate(step, steps, peak, decay, warmup=100):
    return peak * min(1.0, (step + 1) / warmup, (steps - step) / (decay * steps))


def loss_sums(logits, ids, weight):
    """Weighted loss to train on; plain sums over answer and prompt tokens to report; [rows, length - 1] of right guesses."""
    target = ids[:, 1:]
    losses = F.cross_entropy(logits[:, :-1].flatten(0, 1), target.flatten(), reduction="none").view_as(weight)
    return (losses * weight).sum(), losses.detach(), logits[:, :-1].argmax(-1) == target


def balance_loss(routing, experts):
    """The usual auxiliary loss: 1 when every expert gets the same share of selections and of probability, else more."""
    total = 0.0
    for index, probabilities in routing:
        share = torch.bincount(index.flatten(), minlength=experts) / index.numel()
        total = total + experts * (share * probabilities.mean(0)).sum()
    return total / len(routing)


@torch.no_grad()
def dev_scores(model, batches):
    """Answer loss, and the share of problems whose every answer token is the greedy choice (a lower bound of accuracy)."""
    loss = tokens = exact = rows = 0
    for ids, weight in batches:
        total, _, right = loss_sums(model(ids)[0], ids, weight)
        loss, tokens = loss + total.item(), tokens + weight.sum().item()
        exact, rows = exact + (right | (weight == 0)).all(1).sum().item(), rows + len(ids)
    return loss / tokens, exact / rows


def sum_over_ranks(tensors):
    """Replaces each tensor by its sum over all ranks, with one exchange."""
    if dist.is_initialized():
        flat = torch.cat([t.flatten() for t in tensors])
        dist.all_reduce(flat)
        for t, part in zip(tensors, flat.split([t.numel() for t in tensors])):
            t.copy_(part.view_as(t))


def save(path, state):
    torch.save(state, path + ".tmp")
    os.replace(path + ".tmp", path)


class Run:
    """Everything that a checkpoint holds, and one training step over it."""

    def __init__(self, args, rank):
        self.args, self.rank, self.tokenizer = args, rank, Tokenizer.from_file(args.tokenizer)
        config = CONFIGS[args.arch] | {"vocab_size": self.tokenizer.get_vocab_size()}
        torch.manual_seed(args.seed)
        self.model = Model(config)
        self.experts = config.get("n_routed_experts") or config["num_local_experts"]
        self.optimizers = make_optimizers(self.model, args.lr)
        self.step = self.tokens = self.chunk = self.taken = 0
        self.seconds = 0.0
        self.batches = []

    def state(self):
        return {"config": self.model.config, "model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
                "at": (self.step, self.tokens, self.chunk, self.taken, self.seconds), "args": vars(self.args)}

    def load(self, path):
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.step, self.tokens, self.chunk, self.taken, self.seconds = state["at"]
        self.batches = self.make_chunk()[self.taken:] if self.taken else []

    def make_chunk(self):
        return chunk_batches(self.tokenizer, self.args.seed, self.chunk, self.args.batch, self.args.prompt_weight)

    def next_batches(self):
        """The batches of one step; a new chunk when the old one has too few left."""
        if len(self.batches) < self.args.accumulate:
            self.chunk += 1
            self.batches, self.taken = self.make_chunk(), 0
        taken, self.batches = self.batches[: self.args.accumulate], self.batches[self.args.accumulate:]
        self.taken += len(taken)
        return taken

    def train_step(self):
        """Every rank takes its share of the step's batches; afterwards all ranks hold the same weights."""
        args, batches, lr = self.args, self.next_batches(), learning_rate(self.step, self.args.steps, self.args.lr, self.args.decay)
        total_weight = sum(weight.sum() for _, weight in batches)
        self.tokens += sum(ids.numel() for ids, _ in batches)
        sums = torch.zeros(4)  # loss and number of answer tokens, then of prompt tokens
        counts = torch.zeros(len(self.model.layers), self.experts)
        for ids, weight in batches[self.rank :: args.ranks]:
            logits, routing = self.model(ids)
            loss, losses, _ = loss_sums(logits, ids, weight)
            (loss / total_weight + args.balance * balance_loss(routing, self.experts) / len(batches)).backward()
            is_answer = weight == 1
            is_prompt = (ids[:, 1:] != PAD) & ~is_answer
            sums += torch.stack([losses[is_answer].sum(), is_answer.sum(), losses[is_prompt].sum(), is_prompt.sum()])
            for layer, (index, _) in zip([i for i, l in enumerate(self.model.layers) if l.moe], routing):
                counts[layer] += torch.bincount(index.flatten(), minlength=self.experts)
        sum_over_ranks([p.grad for p in self.model.parameters()] + [sums, counts])
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        least = self.update_bias(counts, args.bias_speed * lr / args.lr)
        self.step += 1
        return lr, (sums[0] / sums[1]).item(), (sums[2] / sums[3]).item(), least

    @torch.no_grad()
    def update_bias(self, counts, speed):
        """DeepSeek-V3's rule: an expert with less than its share of selections gets a higher bias, else a lower one."""
        least = 1.0
        for layer, count in zip(self.model.layers, counts):
            if layer.moe:
                least = min(least, (count.min() / count.sum()).item())
                if layer.deepseek:
                    layer.bias += speed * (count.mean() - count).sign()
        return least


def open_log(path, step):
    """The CSV, without the rows that a killed run wrote after its last checkpoint."""
    rows = []
    if os.path.exists(path):
        with open(path, newline="") as file:
            rows = [row for row in list(csv.reader(file))[1:] if len(row) == len(COLUMNS) and int(row[0]) <= step]
    file = open(path, "w", newline="")
    log = csv.writer(file, lineterminator="\n")
    log.writerows([COLUMNS] + rows)
    return file, log


def compile_pieces():
    """About a quarter more speed, for half a minute of compiling; needs a C++ compiler."""
    for name in ("attend", "rms_norm", "swiglu", "swiglu_backward", "rotate_pairs", "rotate_halves"):
        setattr(model_file, name, torch.compile(getattr(model_file, name), dynamic=True))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", choices=list(CONFIGS), default="deepseek_v3")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--work", required=True, help="folder for checkpoint.pt and loss.csv")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--decay", type=float, default=0.4, help="share of the steps over which the rate falls to zero")
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--batch", type=int, default=8192, help="tokens that go through the model at once")
    parser.add_argument("--accumulate", type=int, default=2, help="batches in a step, over all ranks")
    parser.add_argument("--prompt-weight", type=float, default=0.1, help="loss weight of the prompt's tokens")
    parser.add_argument("--balance", type=float, help="weight of the auxiliary balance loss (deepseek_v3 1e-3, mixtral 1e-2)")
    parser.add_argument("--bias-speed", type=float, default=2e-3)
    parser.add_argument("--log-every", type=int, default=20)
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints, each with a dev score")
    parser.add_argument("--ranks", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    if args.accumulate % args.ranks:
        parser.error("--accumulate must be a multiple of --ranks")
    if args.balance is None:
        args.balance = 1e-2 if args.arch == "mixtral" else 1e-3
    return args


def train(rank, args):
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if args.ranks > 1:
        dist.init_process_group("gloo", init_method=f"file://{args.meeting}", rank=rank, world_size=args.ranks)
    if args.compile:
        compile_pieces()
    checkpoint = os.path.join(args.work, "checkpoint.pt")
    run = Run(args, rank)
    if os.path.exists(checkpoint):
        run.load(checkpoint)
    dev = encode(run.tokenizer, make_problems("dev", 400, heldout=True))
    dev = [to_batch(dev[i : i + 50], 0.0) for i in range(0, len(dev), 50)]
    if rank == 0:
        file, log = open_log(os.path.join(args.work, "loss.csv"), run.step)
    start, means = time.monotonic() - run.seconds, []
    while run.step < args.steps:
        lr, *scores = run.train_step()
        means.append(scores)
        saving = run.step % args.save_every == 0 or run.step == args.steps
        if rank == 0 and (run.step % args.log_every == 0 or saving):
            answer, prompt, least = torch.tensor(means).mean(0).tolist()
            run.seconds, means = time.monotonic() - start, []
            dev_row = [f"{x:.4f}" for x in dev_scores(run.model, dev)] if saving else ["", ""]
            log.writerow([run.step, run.tokens, f"{run.seconds:.0f}", f"{lr:.2e}", f"{answer:.4f}", f"{prompt:.4f}", f"{least:.4f}"] + dev_row)
            file.flush()
            if saving:
                save(checkpoint, run.state())


def main():
    args = parse_args()
    args.work = os.path.abspath(args.work)
    os.makedirs(args.work, exist_ok=True)
    args.meeting = os.path.join(args.work, "ranks")  # where the ranks find each other
    if os.path.exists(args.meeting):
        os.remove(args.meeting)
    mp.spawn(train, (args,), nprocs=args.ranks)


if __name__ == "__main__":
    main()
