"""What a grid's network sees of a cell, in the integers of docs/format.md, section 12.7."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .grid_raster import Extents, Offset, Predicted, taps_of
from .lattices import Int

VALUE, MISS, INSIDE, LEVEL, PHASE = range(5)  # types of inputs
NOWHERE: Offset = (0, 0, 0, 0)
UNIT = 1024  # of inputs of the types value and miss, against the expected miss
MOST_MEAN, MOST_SCALE = 4096, 2048
RECIPROCAL = np.array([(1 << 22) // (257 + 2 * n) for n in range(128)], np.int64)

# misses at some places that the scan itself does not look at: they reach further than values do
FURTHER: tuple[Offset, ...] = (
    (0, -1, 0, 2), (0, -1, 0, -2), (0, -1, 2, 0), (0, -1, -2, 0), (0, -2, 0, 1), (0, -2, 0, -1), (0, -2, 1, 0),
    (0, -2, -1, 0), (0, -3, 0, 0), (0, 0, -3, 0), (0, 0, -2, -2), (0, 0, -2, 2),
)  # fmt: skip

Inputs = list[tuple[int, Offset]]


@dataclass(frozen=True)
class Level:
    """The expected miss of cells as an unsigned float: exponent, seven bits, and a reciprocal."""

    unit: Int  # U, in 1/16 of a step
    exponent: Int
    mantissa: Int

    @staticmethod
    def of(expected: Int) -> Level:
        """Take E apart."""
        unit = expected + 4
        exponent = np.frexp(unit.astype(np.float64))[1].astype(np.int64) - 1
        return Level(unit, exponent, ((unit << 7) >> exponent) & 127)

    @property
    def octaves(self) -> Int:
        """Log2 of the expected miss in 1/16 of a step, in 256ths."""
        return 256 * self.exponent + 2 * self.mantissa

    def ratio(self, z: Int) -> Int:
        """Return z (in 256ths of a step) against the expected miss, in 1/1024."""
        bound = np.int64(1) << (self.exponent + 8)
        down = np.maximum(self.exponent - 8, 0)
        x = ((np.clip(z, -bound, bound) >> down) * RECIPROCAL[self.mantissa]) >> (self.exponent + 8 - down)
        result: Int = np.clip(x, -8192, 8192)
        return result


def default_inputs(axes: int) -> Inputs:
    """Choose what networks of grids with so many axes see."""
    extents: Extents = tuple(9 if d >= 4 - axes else 1 for d in range(4))  # type: ignore[assignment]
    taps = taps_of(extents, 1, 2)
    values: Inputs = [(VALUE, o) for o in taps]
    further = [o for o in FURTHER if all(n > 1 or part == 0 for n, part in zip(extents, o, strict=True))]
    misses: Inputs = [(MISS, o) for o in (*taps, *further)]
    inside: Inputs = [(INSIDE, o) for o in ((0, -1, 0, 0), (0, -2, 0, 0), (-1, 0, 0, 0)) if o in taps]
    return [*values, *misses, *inside, (LEVEL, NOWHERE), (PHASE, NOWHERE)]


def features(u: Int, seen: Predicted, extents: Extents, inputs: Inputs, cells: Int) -> npt.NDArray[np.int16]:
    """Return the inputs (cells × inputs) of some cells."""
    place = np.array(np.unravel_index(cells, extents))
    stride = [int(np.prod(extents[d + 1 :])) for d in range(4)]
    size = np.array(extents)[:, None]
    p = seen.p[cells]
    level = Level.of(seen.expected[cells])
    x = np.zeros((len(cells), len(inputs)), np.int16)
    for i, (kind, offset) in enumerate(inputs):
        if kind == LEVEL:
            x[:, i] = 4 * level.octaves - 8192
            continue
        if kind == PHASE:
            x[:, i] = np.where(level.exponent < 8, ((p & 255) - 128) * 32, 0)
            continue
        there = place + np.array(offset)[:, None]
        inside = ((there >= 0) & (there < size)).all(0)
        at = np.where(inside, cells + sum(o * s for o, s in zip(offset, stride, strict=True)), 0)
        if kind == VALUE:
            z = (np.clip(u[at] - (p >> 8), -(2**22), 2**22) << 8) - (p & 255)
            x[:, i] = np.where(inside, level.ratio(z), 0)
        elif kind == MISS:
            x[:, i] = np.where(inside, level.ratio(seen.miss[at]), 0)
        else:
            x[:, i] = np.where(inside, 4096, 0)
    return x
