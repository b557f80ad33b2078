"""What a model costs on rows that it has not learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .lattices import LATENT, Bound, Int
from .loss import NATS, nats
from .net import Networks
from .packs import Layout, build
from .pool import range_bounds

MOST = 20_000


@torch.no_grad()
def column_bits(net: Networks, layout: Layout, bounds: list[Bound], rows: Int) -> dict[str, float]:
    """Bits a row of every coded variable: the networks' own estimate."""
    sums = torch.zeros(net.n)
    for part in np.array_split(rows, max(1, len(rows) // 4096)):
        data = torch.from_numpy(build(layout, bounds, part)).t().contiguous()
        sums += nats(net, net(data[: net.f]), data[net.f :]).sum(1)
    names = [layout.table.columns[v].name for v in layout.coded]
    return {n: float(s) * NATS / len(rows) for n, s in zip(names, sums, strict=True)}


def measure(net: Networks, layout: Layout, bounds: list[Bound], held: Int) -> dict[str, Any]:
    """Bits a row under the user's bounds, by column, and under fractions of the range."""
    rows = held[:MOST]
    result: dict[str, Any] = {"rows": len(rows)}
    if bounds[0].kind != LATENT:
        bits = column_bits(net, layout, bounds, rows)
        result["bits_per_row"] = round(sum(bits.values()), 3)
        result["bits_per_column"] = {n: round(b, 2) for n, b in bits.items()}
    for level in ("1e-2", "1e-3", "1e-4", "1e-5"):
        bits = column_bits(net, layout, range_bounds(layout.table, float(level)), rows)
        result[f"bits_per_row_range_{level}"] = round(sum(bits.values()), 3)
    return result
