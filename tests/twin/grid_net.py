"""Sections 7 (GRID) and 12.7: what a network sees of a cell, and what it makes of prediction and context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import network

if TYPE_CHECKING:
    from .grid_predict import Loop
    from .model_file import Net

VALUE, MISS, INSIDE, LEVEL, PHASE = range(5)


@dataclass
class GridNet:
    """Inputs are (type, offset)."""

    axes: int
    inputs: list[tuple[int, tuple[int, ...]]]
    net: Net

    def fits(self, n: tuple[int, ...]) -> bool:
        """Whether it is for a grid of these extents."""
        return sum(x > 1 for x in n) == self.axes

    def guess(self, loop: Loop, block: int, place: tuple[int, ...], p: int, e: int) -> tuple[int, int]:
        """P' before it is clipped, and the context."""
        unit = e + 4
        length = unit.bit_length() - 1
        n = ((unit << 7) >> length) & 127

        def ratio(z: int) -> int:
            a = max(0, length - 8)
            bound = 1 << (length + 8)
            return clip(((clip(z, bound) >> a) * ((1 << 22) // (257 + 2 * n))) >> (length + 8 - a), 8192)

        def see(kind: int, offset: tuple[int, ...]) -> int:
            if kind == LEVEL:
                return 4 * (256 * length + 2 * n) - 8192
            if kind == PHASE:
                return ((p & 255) - 128) * 32 if length < 8 else 0
            cell = loop.cell_at(block, place, offset)
            if cell is None:
                return 0
            if kind == VALUE:
                return ratio((clip(cell.u - (p >> 8), 1 << 22) << 8) - (p & 255))
            return ratio(cell.s) if kind == MISS else 4096

        x = np.array([[see(*i) for i in self.inputs]], np.int64)
        mean, scale = (int(y) for y in network.run(self.net, x)[0])
        context = (256 * length + 2 * n + clip(scale, 2048) + 96) >> 6
        return p + ((clip(mean, 4096) * unit) >> 6), min(max(context, 0), 95)


def clip(x: int, most: int) -> int:
    return min(max(x, -most), most)
