"""Muon for the weight matrices, AdamW for the rest: at this size it needs about half of AdamW's tokens for the same loss.

Muon replaces a matrix's momentum by the nearest orthogonal matrix (five Newton-Schulz iterations), scaled so that the
update's RMS is that of AdamW's, 0.2 (Jordan et al. 2024; the scale and the weight decay as in "Muon is Scalable for LLM
Training", 2025, which trained Moonlight).
"""
import torch


def orthogonalise(g, steps=5):
    """The polar factor of each matrix of g [n, rows, cols], approximately, by the quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    flip = x.size(1) > x.size(2)
    x = x.mT if flip else x
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(steps):
        s = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(s, s, s, beta=b, alpha=c), x, beta=a)
    return (x.mT if flip else x).float()


class Muon(torch.optim.Optimizer):
    """params: matrices or stacks of matrices; a `gate_up` stack holds two matrices on top of each other (see train.py)."""

    def __init__(self, groups, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(groups, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, split=1))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].mul_(group["momentum"]).add_(p.grad)
                update = p.grad + group["momentum"] * m  # Nesterov
                rows, cols = p.shape[-2] // group["split"], p.shape[-1]
                update = orthogonalise(update.view(-1, rows, cols)).reshape(p.shape)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * max(rows, cols) ** 0.5)
