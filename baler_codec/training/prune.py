"""Dropping the inputs that a network does not need: they cost bytes in the model file and time in every value."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .loss import nats
from .net import Networks


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
