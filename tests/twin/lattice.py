"""Section 2: lattices. The only place where integers become values."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
EXACT, ABS, PW_REL, LATENT = range(4)
LIMITS = {2: (-24, 15), 4: (-126, 127), 8: (-1022, 1023)}  # emin, emax of floats; (0, 63) for integers


# Integer powers -----------------------------------------------------------------------------------------------------
@cache
def _roots() -> list[int]:
    roots = [math.isqrt(1 << 125)]
    while len(roots) < 62:
        roots.append(math.isqrt(roots[-1] << 62))
    return roots


def integer_power(f: int) -> int:
    """E(f): 2^62 · 2^(f / 2^62)."""
    a = 1 << 62
    for i in range(1, 63):
        if f >> (62 - i) & 1:
            a = (a * _roots()[i - 1]) >> 62
    return a


def rne(x: float) -> int:
    return round(x)


# Log lattice: one octave ----------------------------------------------------------------------------------------------
class Octave:
    """Edges and points of the cells of [1, 2)."""

    def __init__(self, e: float) -> None:  # e is e' of the text
        def wide_enough(n: int) -> bool:
            p = 2.0 if n == 1 else integer_power(math.floor(2.0**62 * (1.0 / n))) / 2.0**62
            return p * (1.0 - e) <= 1.0 + e

        self.linear = not wide_enough(4096)
        if self.linear:
            self.base = [1.0 + s / 64.0 for s in range(64)]
            self.cells = [math.ceil(1.0 / (64.0 * (2.0 * e) * base)) + 1 for base in self.base]
            self.width = [1.0 / (64 * m) for m in self.cells]
            self.first = [sum(self.cells[:s]) for s in range(64)]
            self.n = sum(self.cells)
            return
        self.n = 4096
        while self.n > 1 and wide_enough(self.n - 1):
            self.n -= 1
        self.edges = [integer_power((i << 62) // self.n) / 2.0**62 for i in range(self.n)] + [2.0]
        self.points = [2.0 * a * b / (a + b) for a, b in pairwise(self.edges)]

    def cell(self, m: float) -> int:
        if not self.linear:
            return bisect_right(self.edges, m) - 1
        s = math.floor((m - 1.0) * 64.0)
        return self.first[s] + min(math.floor((m - self.base[s]) / self.width[s]), self.cells[s] - 1)

    def edge(self, i: int) -> float:
        if not self.linear:
            return self.edges[i]
        s = bisect_right(self.first, i) - 1
        return self.base[s] + (i - self.first[s]) * self.width[s]

    def point(self, i: NDArray[np.int64]) -> Doubles:
        if not self.linear:
            return np.array(self.points)[i]
        first = np.array(self.first)
        s = np.searchsorted(first, i, side="right") - 1
        result: Doubles = np.array(self.base)[s] + ((i - first[s]) + 0.5) * np.array(self.width)[s]
        return result


@cache
def _octave(e: float) -> Octave:
    return Octave(e)


class Lattice:
    """Lattice of one column: a function of (dtype, bound, unit, noise) and nothing else."""

    def __init__(self, dtype: np.dtype, kind: int, bound: float, unit: float = 0.0, noise: float = 0.0) -> None:
        self.dtype = dtype.newbyteorder("<")
        self.float = dtype.kind == "f"
        self.name, self.step = self._choose(kind, bound, unit, noise)
        if self.name == "uniform" and not math.isfinite(self.step):
            self.name = "ordinal"
        if self.name == "uniform":
            self.lowest, self.highest = -(1 << 53), 1 << 53
        elif self.name == "log":
            self.octave = _octave(bound * (1.0 - 2.0**-10))
            self.emin, emax = LIMITS[dtype.itemsize] if self.float else (0, 63)
            self.highest = self.octave.n * (emax - self.emin + 1)
            self.lowest = -self.highest
        elif self.float:
            self.highest = int(np.array(np.finfo(self.dtype).max, self.dtype).view(f"<u{dtype.itemsize}"))
            self.lowest = -self.highest
        else:
            info = np.iinfo(self.dtype)
            shift = self._shift
            self.lowest, self.highest = int(info.min) - shift, int(info.max) - shift

    @property
    def _shift(self) -> int:
        """Rank 0 of an integer type is 0, but 2^63 in 64-bit unsigned (value XOR 2^63 as a signed number)."""
        return 1 << 63 if self.dtype.kind == "u" and self.dtype.itemsize == 8 else 0

    def _choose(self, kind: int, bound: float, unit: float, noise: float) -> tuple[str, float]:
        if kind in (EXACT, LATENT):
            power = unit > 0 and math.frexp(unit)[0] == 0.5
            return ("uniform", unit) if self.float and power else ("ordinal", 0.0)
        if kind == PW_REL:
            least = {2: 2.0**-11, 4: 2.0**-24, 8: 2.0**-53}[self.dtype.itemsize] if self.float else 0.0
            ordinal = bound <= least if self.float else bound < 2.0**-31
            return ("ordinal" if ordinal else "log"), 0.0
        if not self.float:
            return ("uniform", float(2 * math.floor(min(bound, 2.0**61)) + 1)) if bound >= 1 else ("ordinal", 0.0)
        widest = 2.0 * bound * (1.0 - 2.0**-10)
        if unit > 0 and noise <= bound / 4:
            m = math.floor(min(widest / unit + 1.0, 2.0**31))
            return "uniform", (m - 1 + m % 2) * unit
        return "uniform", widest

    def index(self, x: float) -> int:
        """Index of the cell that holds the finite number x."""
        if self.name == "uniform":
            quotient = x / self.step
            k = rne(quotient) if math.isfinite(quotient) else (self.highest if quotient > 0 else self.lowest)
        elif self.name == "log":
            mantissa, exponent = math.frexp(abs(x))
            m, e = mantissa * 2.0, exponent - 1
            if abs(x) < 2.0 ** (self.emin - 1):
                k = 0
            elif e < self.emin:
                k = 1
            else:
                k = 1 + self.octave.n * (e - self.emin) + self.octave.cell(m)
            k = -k if x < 0 else k
        elif self.float:
            with np.errstate(over="ignore"):
                k = int(np.array(abs(x)).astype(self.dtype).view(f"<u{self.dtype.itemsize}"))
            k = -k if x < 0 else k
        else:
            k = rne(x) - self._shift
        return min(max(k, self.lowest), self.highest)

    def edge(self, k: int) -> float:
        """Lower edge of the cell of k."""
        if self.name == "uniform":
            return (float(k) - 0.5) * self.step
        if self.name == "log":
            if k <= 0:
                return -self.edge(1 - k)
            if k == 1:
                return 2.0 ** (self.emin - 1)
            e, i = divmod(k - 1, self.octave.n)
            return math.ldexp(self.octave.edge(i), e + self.emin) if e + self.emin < 1024 else math.inf
        if k > self.highest:
            return self._rank_value(self.highest)
        return self._rank_value(k) - (0.0 if self.float else 0.5)

    def _rank_value(self, k: int) -> float:
        if not self.float:
            return float(k + self._shift)
        magnitude = float(np.array(abs(k), f"<u{self.dtype.itemsize}").view(self.dtype))
        return -magnitude if k < 0 else magnitude

    def value(self, k: NDArray[np.int64]) -> Doubles:
        """Doubles before the cast, for whole columns."""
        k = np.clip(k, self.lowest, self.highest)
        if self.name == "uniform":
            return k.astype(np.float64) * self.step
        if self.name == "log":
            e, i = np.divmod(np.maximum(np.abs(k) - 1, 0), self.octave.n)
            values: Doubles = np.sign(k) * np.ldexp(self.octave.point(i), e + self.emin)
            return values
        return self.restore(k).astype(np.float64)

    def restore(self, k: NDArray[np.int64]) -> NDArray[Any]:
        """Values in dtype (little-endian)."""
        k = np.clip(k, self.lowest, self.highest)
        if self.name != "ordinal":
            return cast(self.value(k), self.dtype)
        if self.float:
            size = self.dtype.itemsize
            bits = np.abs(k).astype(f"<u{size}")
            bits |= (k < 0).astype(f"<u{size}") << np.array(8 * size - 1, f"<u{size}")
            return bits.view(self.dtype)
        if self._shift:
            return k.astype("<i8").view("<u8") ^ np.uint64(1 << 63)
        return k.astype(self.dtype)


def cast(x: Doubles, dtype: np.dtype) -> NDArray[Any]:
    """The cast to dtype: floats to nearest even; integers to nearest even, clipped to the range."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return x.astype(dtype)
    info = np.iinfo(dtype)
    r = np.rint(x)
    low, high = r <= float(info.min), r >= float(info.max)  # float(2^63 − 1) is 2^63
    inside = np.where(low | high, 0.0, r).astype(dtype)
    return np.where(low, info.min, np.where(high, info.max, inside)).astype(dtype)
