"""Pieces of an array under many bounds: what a grid's network learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bound import ErrorBound, finite_range
from .grid_features import Inputs, Level, features
from .grid_raster import Extents, predict
from .lattices import ABS, EXACT, PW_REL, Bound, Int, Lattice

MOST_CELLS = 1 << 18  # of a piece
PIECES = 40
CELLS = 16_000  # of a piece that are learnt from
FINEST, COARSEST = -5.3, -1.5  # log10 of bounds against the range
MOST_UNITS = 1 << 30
MOST_SEEN = 1 << 22  # values from which the range is found
GAP = 4.0  # what lies so many ranges outside is no fill value yet: the range is that of a sample


@dataclass
class Examples:
    """Cells of one piece: inputs, how far off the prediction was (steps), the expected miss (steps)."""

    x: npt.NDArray[np.int16]
    y: npt.NDArray[np.float32]


def piece_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Cut a chunk to a size that is quick to learn from, the longest axes first."""
    size = list(shape)
    while np.prod(size) > MOST_CELLS:
        d = int(np.argmax(size))
        size[d] = (size[d] + 1) // 2
    return tuple(size)


def default_chunk(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Take the half of the first axis, so that pieces begin in different places."""
    return (max((shape[0] + 1) // 2, min(shape[0], 8)), *shape[1:])


def extents_of(shape: tuple[int, ...]) -> Extents:
    """Return the grid of a piece: its last four axes that are longer than 1."""
    real = [n for n in shape if n > 1][-4:]
    return (1,) * (4 - len(real)) + tuple(real)  # type: ignore[return-value]


class Pieces:
    """Draws pieces of an array, each under a bound of its own."""

    def __init__(
        self, array: npt.NDArray[Any], shape: tuple[int, ...], bound: ErrorBound, inputs: Inputs, seed: int
    ) -> None:
        self.array, self.shape, self.inputs = array, shape, inputs
        self.bound = bound
        self.rng = np.random.default_rng(seed)
        some = array.reshape(-1)[:: max(1, array.size // MOST_SEEN)]
        self.low, self.high = finite_range(some)
        self.range = self.high - self.low
        self.count = 0

    def draw(self) -> Examples | None:
        """Return the examples of one more piece; None if it has nothing to teach."""
        self.count += 1
        start = [int(self.rng.integers(0, n - s + 1)) for n, s in zip(self.array.shape, self.shape, strict=True)]
        window = tuple(slice(a, a + s) for a, s in zip(start, self.shape, strict=True))
        values = self.array[window]
        extents = extents_of(self.shape)
        block = int(np.prod(extents))
        if values.size > block:  # blocks: one of them
            b = int(self.rng.integers(0, values.size // block))
            values = values.reshape(-1, block)[b]
        values = values.ravel()
        coded = coded_cells(values, self.low, self.high)
        if coded.sum() < 64:
            return None
        bound = self._bound(values[coded])
        if bound is None:
            return None
        u = Lattice(self.array.dtype, bound).index(filled(values, coded))
        u -= u.min()
        if not 0 < int(u.max()) < MOST_UNITS:
            return None
        seen = predict(u, coded, extents, self.rng)
        cells = np.flatnonzero(coded)
        if len(cells) > CELLS:
            cells = np.sort(self.rng.choice(cells, CELLS, replace=False))
        unit = Level.of(seen.expected[cells]).unit / 16.0
        miss = u[cells] - seen.p[cells] / 256.0
        x = features(u, seen, extents, self.inputs, cells)
        return Examples(x, np.stack([miss, unit], 1).astype(np.float32))

    def _bound(self, values: npt.NDArray[Any]) -> Bound | None:
        """Bounds go round and round through the orders of magnitude, and come back to the one that is asked for."""
        turn = (self.count * 0.6180339887498949) % 1.0
        given = self.bound
        integer = self.array.dtype.kind in "iu"
        asked = self.rng.random() < (0.4 if integer and given.kind == "exact" else 0.15)
        if asked and (integer or given.kind != "exact"):
            return Bound({"exact": EXACT, "abs": ABS, "pw_rel": PW_REL}[given.kind], given.value)
        if given.kind == "pw_rel":
            return Bound(PW_REL, float(np.clip(given.value * 10 ** (3 * turn - 1.5), 1e-7, 0.3)))
        local = float(values.max()) - float(values.min())
        size = self.range if self.rng.random() < 0.3 else local
        epsilon = size * 10 ** (FINEST + (COARSEST - FINEST) * turn)
        return Bound(ABS, epsilon) if epsilon > 0 and np.isfinite(epsilon) else None


def coded_cells(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.bool_]:
    """Find the cells that are numbers, and no fill values far outside the range of the others."""
    wide = GAP * (high - low)
    with np.errstate(invalid="ignore"):
        coded: npt.NDArray[np.bool_] = (values >= low - wide) & (values <= high + wide)
    return coded


def filled(values: npt.NDArray[Any], coded: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Put the value before (the first one, in front) where nothing is coded."""
    if coded.all():
        return values
    before: Int = np.maximum.accumulate(np.where(coded, np.arange(len(values)), -1))
    return values[np.where(before >= 0, before, int(np.argmax(coded)))]
