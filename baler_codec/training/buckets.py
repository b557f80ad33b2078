"""How wide the buckets of each variable should be, and how often its values will need the escape.

A bucket is coded as one interval of 16 bits whose edges are rounded to 1/1024 of the scale; inside it, values are
equally likely. Wide buckets waste bits where the distribution is sharp, narrow ones get no interval where it is broad.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from .loss import code_lengths
from .net import COARSEST, FINEST, SCALE, Networks

# buckets are made of whole powers of two of cells: between half as wide as allowed and as wide as allowed
USUAL = 0.75
RESOLUTION = 2.0**-10  # of edges, in scales
ESCAPE = 21.0  # nats that a value without an interval costs


@torch.no_grad()
def choose(net: Networks, sample: torch.Tensor, most: int) -> tuple[list[int], list[int]]:
    """Fineness (w) and escape frequency of every variable, measured on rows of packs."""
    data = sample.t().contiguous()
    n, f = net.n, net.f
    targets = data[f:]
    outputs = net(data[:f])
    scale = torch.exp(outputs[:, SCALE].clamp(FINEST, COARSEST))
    low, cell, spike, repeat, live = (targets[i * n : (i + 1) * n] for i in range(5))
    # rows that hold a spike or repeat the row before need no bucket
    needed = (spike == 0) & ((repeat == 0) | (net.has_repeat[:, None] == 0)) & (live > 0)
    outer = cell > 30.0  # the outermost cells have no far edge
    best = torch.full((n,), torch.inf)
    fine, rare = torch.ones(n), torch.zeros(n)
    for w in range(1, most + 1):
        wide = torch.where(outer, cell, cell.clamp_min(USUAL * 2.0**-w))
        grown = targets.clone()
        grown[:n] = low - torch.where(outer, 0.0, 0.5 * (wide - cell))
        grown[n : 2 * n] = wide
        length = code_lengths(net, outputs, grown, floor=-30.0)
        # an interval smaller than the resolution is empty in as many cases as it is smaller
        lost = (1.0 - torch.minimum(torch.exp(-length) * 65536.0, wide / scale / RESOLUTION)).clamp(0.0, 1.0)
        cost = (1.0 - lost) * (length + torch.log(wide / cell.clamp_min(1e-12))) + lost * ESCAPE
        total = (cost * needed).sum(1)
        better = total < best - 1e-4 * needed.sum(1)
        best = torch.where(better, total, best)
        fine = torch.where(better, torch.full_like(fine, float(w)), fine)
        rare = torch.where(better, (lost * needed).sum(1), rare)
    rows = data.shape[1]
    outside = ((live == 0).sum(1)).clamp_max(rows // 100)
    escape = torch.clamp((rare + outside + 1.0) / rows * 65536, 2, 2000)
    return [int(w) for w in fine], [int(e) for e in escape]


def finest(variables: int) -> int:
    """Largest w that keeps all variables together inside the format's number of buckets."""
    span = 10.0  # of z
    most = math.floor(math.log2(2**20 / (2 * span * max(1, variables))))
    return int(np.clip(most, 1, 11))
