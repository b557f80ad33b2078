"""From trained networks to the parts of a model file."""

from __future__ import annotations

import torch

from .buckets import choose, finest
from .integer import convert, shapes
from .model_file import TableModel, Variable
from .net import Networks
from .packs import Layout


def table_model(net: Networks, layout: Layout, sample: torch.Tensor) -> TableModel:
    """Make the integer model; `sample` are rows of packs on which ranges and escapes are measured."""
    table = layout.table
    fine, escapes = choose(net, sample[:16384], finest(net.n)) if net.n else ([], [])
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
