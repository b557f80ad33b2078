"""From trained networks to the parts of a model file."""

from __future__ import annotations

import numpy as np
import torch

from .integer import convert, fineness, shapes
from .loss import code_lengths
from .model_file import TableModel, Variable
from .net import Networks
from .packs import Layout

# the format allows 2^16 buckets a variable and 2^20 a model; a bucket is between half as wide and as wide as asked for
MOST_BUCKETS = 2**20
Z_SPAN = 10.0


def table_model(net: Networks, layout: Layout, sample: torch.Tensor) -> TableModel:
    """Make the integer model; `sample` are rows of packs on which ranges and escapes are measured."""
    table = layout.table
    most = int(np.clip(np.floor(np.log2(MOST_BUCKETS / (2 * Z_SPAN * max(1, net.n)))), 1, 11))
    fine = fineness(net, sample[:16384], most) if net.n else []
    escapes = _escapes(net, sample, fine) if net.n else []
    mixtures = shapes(net) if net.n else []
    variables = []
    for v, column in enumerate(table.columns):
        if v in layout.relations:
            variables.append(
                Variable(column.lo, column.hi, derived=True, unit=column.unit, noise=column.noise, escape=1)
            )
            continue
        i = layout.coded.index(v)
        variables.append(
            Variable(
                column.lo,
                column.hi,
                column.spike,
                column.repeats,
                False,
                column.unit,
                column.noise,
                fine[i],
                escapes[i],
                column.warp.x,
                column.warp.z,
                mixtures[i],
            )
        )
    nets = convert(net, layout, sample[:, : net.f]) if net.n else []
    return TableModel(variables, layout.order, layout.relations, layout.hints, nets)


@torch.no_grad()
def _escapes(net: Networks, sample: torch.Tensor, fine: list[int]) -> list[int]:
    """Share of 65536 that escapes get: values outside the cells, and buckets too unlikely for a 16-bit frequency."""
    n, f = net.n, net.f
    counts = torch.zeros(n)
    width = 0.7 * 2.0 ** -torch.tensor(fine, dtype=torch.float32)
    for part in torch.split(sample, 8192):
        features, targets = part.t()[:f].contiguous(), part.t()[f:].clone()
        cell = targets[n : 2 * n]
        extra = (width[:, None] - cell).clamp_min(0.0)
        targets[:n] -= 0.5 * extra
        targets[n : 2 * n] = cell + extra
        live = targets[4 * n : 5 * n]
        rare = code_lengths(net, net(features), targets, floor=-30.0) > 11.1
        counts += (rare & (live > 0)).sum(1)
    return [int(e) for e in torch.clamp((counts + 1) / len(sample) * 65536, 2, 1000)]
