"""The lattices of docs/format.md, section 2, as training needs them: for whole numpy columns, and near enough.

The indices of a chunk are made by the native library alone. Here only code lengths are estimated: what the format says
about values that are huge against the bound, about subnormals, and about which of two cells an edge belongs to, is left
out, and the cells of a log lattice are all equally wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
DType = np.dtype[Any]

EXACT, ABS, PW_REL, LATENT = 0, 1, 2, 3
SLACK = 1.0 - 2.0**-10
REACH = 2.0**53


@dataclass(frozen=True)
class Bound:
    """Error bound of one column, as a model file holds it: kind and value."""

    kind: int = EXACT
    value: float = 0.0


@lru_cache(maxsize=256)
def octave(epsilon: float) -> tuple[Float, Float]:
    """Edges (one more than cells) and points of the log lattice in [1, 2]."""
    n = max(1, math.ceil(math.log(2.0) / (2.0 * math.atanh(min(epsilon * SLACK, 0.999)))))
    if n <= 4096:
        edge = np.exp2(np.arange(n + 1) / n)
        return edge, 2.0 * edge[:-1] * edge[1:] / (edge[:-1] + edge[1:])
    edges = []
    for s in range(64):
        low = 1.0 + s / 64.0
        edges.append(low + np.arange(count := math.ceil(1.0 / (128.0 * epsilon * low))) / (64.0 * count))
    edge = np.concatenate([*edges, [2.0]])
    return edge, 0.5 * (edge[:-1] + edge[1:])


class Lattice:
    """Integers k for the values of a column: a function of dtype, bound, unit and noise alone."""

    def __init__(self, dtype: npt.DTypeLike, bound: Bound, unit: float = 0.0, noise: float = 0.0) -> None:
        self.dtype = np.dtype(dtype)
        integer = self.dtype.kind in "iu"
        epsilon = bound.value
        self.kind, self.step = "ordinal", 0.0
        if bound.kind == LATENT:
            raise ValueError("a latent bound has no lattice")
        if bound.kind == EXACT and not integer and unit > 0 and math.frexp(unit)[0] == 0.5:
            self.kind, self.step = "uniform", unit
        elif bound.kind == ABS and integer and epsilon >= 1:
            self.kind, self.step = "uniform", 2.0 * math.floor(min(epsilon, 2.0**61)) + 1.0
        elif bound.kind == ABS and not integer:
            self.kind, self.step = "uniform", 2.0 * epsilon * SLACK
            if unit >= epsilon * 2.0**-30 and unit > 0 and noise <= epsilon / 4:
                steps = math.floor(2.0 * (epsilon - noise) * SLACK / unit) + 1
                self.step = unit * (steps if steps % 2 else steps - 1)
        elif bound.kind == PW_REL:
            finest = 2.0**-31 if integer else 0.5 * float(np.finfo(self.dtype).eps)
            if epsilon > finest:
                self.kind = "log"
                self.least = 0 if integer else math.frexp(float(np.finfo(self.dtype).tiny))[1] - 1
                self.edges, self.points = octave(epsilon)

    def index(self, x: npt.ArrayLike) -> Int:
        """Return the indices of finite values."""
        v = np.asarray(x, np.float64)
        if self.kind == "uniform":
            with np.errstate(over="ignore"):
                k: Int = np.clip(np.rint(v / self.step), -REACH, REACH).astype(np.int64)
            return k
        if self.kind == "log":
            magnitude = self._magnitude(np.abs(v))
            return np.where(v < 0, -magnitude, magnitude)
        return _rank(v, self.dtype)

    def value(self, k: npt.ArrayLike) -> Float:
        """Return the points of the lattice, before the cast to the dtype."""
        q = np.asarray(k, np.int64)
        if self.kind == "uniform":
            return np.asarray(q * self.step, np.float64)
        if self.kind == "log":
            e, i = np.divmod(np.abs(q) - 1, len(self.points))
            return np.sign(q) * np.where(q == 0, 0.0, _scaled(self.points[i], e + self.least))
        return _unrank(q, self.dtype)

    def edge(self, k: npt.ArrayLike) -> Float:
        """Return the lower edges of the cells."""
        q = np.asarray(k, np.int64)
        if self.kind == "uniform":
            return np.asarray((q - 0.5) * self.step, np.float64)
        if self.kind == "log":
            mirrored = q <= 0
            size = self._edge(np.where(mirrored, 1 - q, q))
            return np.where(mirrored, -size, size)
        here = _unrank(q, self.dtype)
        return 0.5 * here + 0.5 * _unrank(q - 1, self.dtype) if self.dtype.kind == "f" else here - 0.5

    def _edge(self, k: Int) -> Float:
        e, i = np.divmod(k - 1, len(self.points))
        edge = _scaled(self.edges[i], e + self.least)
        return np.where(k == 1, 0.5 * edge, edge)

    def _magnitude(self, v: Float) -> Int:
        m, e = np.frexp(np.where(v > 0, v, 1.0))
        octaves = e.astype(np.int64) - 1 - self.least
        k = 1 + len(self.points) * octaves + np.searchsorted(self.edges[1:-1], m * 2.0, side="right")
        k = np.where(octaves < 0, (v >= 2.0 ** (self.least - 1)).astype(np.int64), k)
        return np.where(v > 0, k, 0)


def _scaled(m: Float, e: Int) -> Float:
    """Return m times 2^e."""
    return np.asarray(np.ldexp(m, np.clip(e, -1074, 1023).astype(np.int32)), np.float64)


def _rank(v: Float, dtype: DType) -> Int:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        # the doubles next to 2^63 are 1024 apart
        k: Int = np.clip(np.rint(v), info.min, min(info.max, 2**63 - 1024)).astype(np.int64)
        return k
    limits = np.finfo(dtype)
    x = np.clip(v, float(limits.min), float(limits.max)).astype(dtype)
    bits = np.abs(x).view(f"u{dtype.itemsize}").astype(np.int64)
    rank: Int = np.where(x < 0, -bits, bits)
    return rank


def _unrank(k: Int, dtype: DType) -> Float:
    if dtype.kind in "iu":
        return k.astype(np.float64)
    top = int(np.array(np.finfo(dtype).max, dtype).view(f"u{dtype.itemsize}"))
    bits = np.minimum(np.abs(k), top).astype(f"u{dtype.itemsize}")
    magnitude = bits.view(dtype).astype(np.float64)
    return np.where(k < 0, -magnitude, magnitude)
