"""Columns with an error bound, the check that every figure in a benchmark has passed, and the peers' lattices.

The lattices are written here in plain numpy, apart from the product's own, so that a peer never depends on our code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Bound:
    """One column's bound: kind is "abs", "pw_rel" or "exact"; unit is the data's own lattice (1: integers, 0: none)."""

    kind: str
    eps: float = 0.0
    unit: float = 0.0

    def __str__(self) -> str:
        return "exact" if self.kind == "exact" else f"{self.kind}={self.eps:g}"


def keeps(original: Array, decoded: Array, bound: Bound) -> bool:
    """Whether every value of `decoded` is inside the bound, with no tolerance of any kind."""
    if decoded.dtype != original.dtype or decoded.shape != original.shape:
        return False
    if bound.kind == "exact":
        return bool(np.array_equal(original, decoded))
    x = original.astype(np.float64)
    error = np.abs(decoded.astype(np.float64) - x)
    return bool(np.all(error <= (bound.eps if bound.kind == "abs" else bound.eps * np.abs(x))))


def detect_unit(values: Array) -> float:
    """Return 1 for whole numbers, s when all values are k*s inside float32's rounding, else 0."""
    x = values.astype(np.float64)
    if np.array_equal(x, np.rint(x)):
        return 1.0
    distinct = np.unique(x)
    if distinct.size > max(64, x.size // 64):
        return 0.0
    unit = float(np.diff(distinct).min())
    for _ in range(20):
        k = np.rint(distinct / unit)
        unit = float((distinct * k).sum() / (k * k).sum())
    noise = float(np.abs(distinct - np.rint(distinct / unit) * unit).max())
    return unit if noise <= 4 * float(np.spacing(np.float32(np.abs(distinct).max()))) else 0.0


class LogLattice:
    """Points of equal relative error: N an octave, index 0 is exact zero, the sign is mirrored."""

    def __init__(self, eps: float, exponent_min: int = -24) -> None:
        e = eps * (1 - 2**-10)
        self.n = int(np.ceil(np.log(2) / np.log((1 + e) / (1 - e))))
        self.exponent_min = exponent_min
        self.edges = 2.0 ** (np.arange(self.n + 1) / self.n)
        self.points = 2 * self.edges[:-1] * self.edges[1:] / (self.edges[:-1] + self.edges[1:])

    def index(self, x: Array) -> npt.NDArray[np.int64]:
        m, e = np.frexp(np.abs(x.astype(np.float64)))
        k = (
            np.searchsorted(self.edges[1:-1], 2 * m, side="right")
            + (e.astype(np.int64) - 1 - self.exponent_min) * self.n
        )
        return np.where((x == 0) | (k < 0), 0, np.sign(x).astype(np.int64) * (1 + k))

    def value(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        k = np.maximum(np.abs(index) - 1, 0)
        magnitude = np.ldexp(self.points[k % self.n], (k // self.n + self.exponent_min).astype(np.int32))
        return np.where(index == 0, 0.0, np.sign(index) * magnitude)


class UniformLattice:
    """Multiples of a step: the widest that keeps an absolute bound, or of the data's own unit where it has one."""

    def __init__(self, bound: Bound) -> None:
        width = 2 * bound.eps * (1 - 2**-10)
        if bound.unit and (bound.unit <= width + 1e-9 or bound.unit == 1.0):
            m = int(np.floor(2 * bound.eps / bound.unit + 1 + 1e-9))
            self.step = bound.unit * max(1, m if m % 2 else m - 1)
        else:
            self.step = width or 1.0

    def index(self, x: Array) -> npt.NDArray[np.int64]:
        return np.rint(x.astype(np.float64) / self.step).astype(np.int64)

    def value(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.asarray(index * self.step, np.float64)


def quantise(x: Array, bound: Bound) -> tuple[npt.NDArray[np.int64], Array, int]:
    """Return (lattice indices, decoded values, bytes for values that miss the bound: u32 row and the value each)."""
    lattice = LogLattice(bound.eps) if bound.kind == "pw_rel" else UniformLattice(bound)
    index = lattice.index(x)
    decoded = cast(lattice.value(index), x.dtype)
    error = np.abs(decoded.astype(np.float64) - x.astype(np.float64))
    limit = bound.eps * np.abs(x.astype(np.float64)) if bound.kind == "pw_rel" else bound.eps
    bad = ~(error <= limit)
    decoded = np.where(bad, x, decoded)
    return index, decoded, int(bad.sum()) * (4 + x.dtype.itemsize)


def cast(values: Array, dtype: np.dtype[Any]) -> Array:
    """Decoded values in the type of the originals; whole numbers are rounded and kept inside the type's range."""
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def narrow(index: npt.NDArray[np.int64]) -> npt.NDArray[np.signedinteger]:
    """The same integers in the smallest signed type that holds them."""
    for dtype in (np.int8, np.int16, np.int32):
        if index.size == 0 or (index.min() >= np.iinfo(dtype).min and index.max() <= np.iinfo(dtype).max):
            return index.astype(dtype)
    return index
