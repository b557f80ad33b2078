"""Dropping the inputs that a network does not need: they cost bytes in the model file and time in every value."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .loss import nats
from .net import Networks

MOST_INPUTS = 96  # of one network, before its inputs are tried one by one
WIDEST_TRIED = 128  # networks
FEWEST_INPUTS = 16  # of one network in tables wider than that


def trial_rows(net: Networks) -> int:
    """Rows on which inputs are tried: fewer for wide tables, whose networks are many and large."""
    work = net.f * net.n * (20 * net.used.shape[1] + 100)
    return max(256, min(8192, 15_000_000_000 // max(1, work)))


@torch.no_grad()
def narrow_down(net: Networks, rows: Tensor) -> None:
    """In wide tables, leave each network the inputs that correlate best with its variable."""
    limit = MOST_INPUTS if net.n <= WIDEST_TRIED else FEWEST_INPUTS
    if net.used.shape[1] <= limit:
        return
    x = rows[:, : net.f]
    x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
    # the first features are the z of the variables themselves
    score = (x.t() @ x[:, : net.n]).abs() * net.mask
    for i, f in enumerate(net.own_hint):
        if f is not None:
            score[f, i] = torch.inf
    keep = torch.zeros_like(net.mask)
    keep.scatter_(0, score.topk(limit, dim=0).indices, 1.0)
    net.connect(net.mask * keep)


@torch.no_grad()
def importance(net: Networks, data: Tensor, seed: int) -> Tensor:
    """Bits a row that each network loses when a feature is shuffled among the rows, (features, variables).

    `data` are rows of packs, (numbers, rows).
    """
    generator = torch.Generator().manual_seed(seed)
    x, targets = data[: net.f].clone(), data[net.f :]
    base = nats(net, net(x), targets).mean(1)
    gain = torch.zeros(net.f, net.n)
    for f in range(net.f):
        if not bool(net.mask[f].any()):
            continue
        kept = x[f].clone()
        x[f] = kept[torch.randperm(len(kept), generator=generator)]
        gain[f] = nats(net, net(x), targets).mean(1) - base
        x[f] = kept
    return torch.mul(gain, net.mask / np.log(2.0))


@torch.no_grad()
def prune(net: Networks, gain: Tensor, inputs: int, least: float) -> int:
    """Keep the `inputs` most useful connections of all networks together, none below `least` bits a row.

    A network's own hint stays, and so does the best connection of each. Returns how many are left.
    """
    score = torch.where(net.mask > 0, gain, torch.full_like(gain, -1.0))
    for i, f in enumerate(net.own_hint):
        if f is not None and net.mask[f, i] > 0:
            score[f, i] = torch.inf
    best = score.argmax(0)
    score[best, torch.arange(net.n)] = torch.where(net.mask.sum(0) > 0, torch.inf, score.amax(0))
    ranked = score.flatten().sort(descending=True).values
    limit = max(least, float(ranked[min(inputs, len(ranked)) - 1]))
    net.connect(net.mask * (score >= limit))
    return int(net.mask.sum())
