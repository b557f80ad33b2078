"""Section 2: lattices. The only place where integers become values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .octave import Octave, octave

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
EXACT, ABS, PW_REL, LATENT = range(4)
MANTISSA = {2: (10, -14), 4: (23, -126), 8: (52, -1022)}  # p, emin by itemsize
FILLS = (-999.0, -9999.0, -99999.0, -99.0, -32768.0, 9999.0, 99999.0)
LARGEST = float(np.finfo(np.float64).max)


def lattice(dtype: np.dtype, kind: int, bound: float, unit: float = 0.0, noise: float = 0.0) -> Lattice:
    """Lattice of a column: a function of these five and of nothing else."""
    if dtype.kind != "f":
        if kind == ABS and bound >= 1:
            return UniformIntegers(dtype, 2 * math.floor(min(bound, 2.0**61)) + 1)
        return LogIntegers(dtype, bound) if kind == PW_REL and bound > 2.0**-31 else OrdinalIntegers(dtype)
    p, emin = MANTISSA[dtype.itemsize]
    if unit < 2.0 ** (emin - p) or unit > 2.0**1000:
        unit = 0.0
    if kind == ABS:
        known = unit >= bound * 2.0**-30 and 0 <= noise <= bound / 4
        return UniformFloats(dtype, bound, unit if known else 0.0, noise)
    if kind == PW_REL:
        return LogFloats(dtype, bound) if bound > 2.0 ** -(p + 1) else OrdinalFloats(dtype)
    return UniformFloats(dtype, 0.0, unit, 0.0) if math.frexp(unit)[0] == 0.5 else OrdinalFloats(dtype)


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


class Lattice:
    """What every lattice answers."""

    lowest: int
    highest: int

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype.newbyteorder("<")

    def index(self, x: float) -> int:
        """k of the finite number x."""
        raise NotImplementedError

    def edge(self, k: int) -> float:
        """Lower edge of the cell of k."""
        raise NotImplementedError

    def value(self, k: Ints) -> Doubles:
        """Doubles before the cast."""
        return self.restore(k).astype(np.float64)

    def restore(self, k: Ints) -> NDArray[Any]:
        """Values in dtype (little-endian)."""
        raise NotImplementedError


# Integers -----------------------------------------------------------------------------------------------------------
class _Integers(Lattice):
    def __init__(self, dtype: np.dtype) -> None:
        super().__init__(dtype)
        self.least, self.greatest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        self.lowest, self.highest = self._k(self.least), self._k(self.greatest)

    def _k(self, x: int) -> int:
        raise NotImplementedError

    def _whole(self, k: int) -> int:
        raise NotImplementedError

    def index(self, x: float) -> int:
        return self._k(min(max(round(x), self.least), self.greatest))

    def restore(self, k: Ints) -> NDArray[Any]:
        whole = [self._whole(j) for j in np.clip(k, self.lowest, self.highest).tolist()]
        return np.array([min(max(x, self.least), self.greatest) for x in whole], self.dtype)


class OrdinalIntegers(_Integers):
    def _k(self, x: int) -> int:
        return min(x, (1 << 63) - 1)

    def _whole(self, k: int) -> int:
        return k

    def edge(self, k: int) -> float:
        return float(k) - 0.5


class UniformIntegers(_Integers):
    def __init__(self, dtype: np.dtype, step: int) -> None:
        self.step = step
        super().__init__(dtype)

    def _k(self, x: int) -> int:
        return (x + (self.step - 1) // 2) // self.step

    def _whole(self, k: int) -> int:
        return k * self.step

    def edge(self, k: int) -> float:
        return (float(k) - 0.5) * float(self.step)


class LogIntegers(_Integers):
    def __init__(self, dtype: np.dtype, bound: float) -> None:
        self.octaves = [octave(e, bound, False) for e in range(53)]
        self.first = [0]  # cells of all octaves below
        for e in range(64):
            self.first.append(self.first[-1] + self.octaves[min(e, 52)].n)
        super().__init__(dtype)

    def _k(self, x: int) -> int:
        if x <= 0:
            return -self._k(-x) if x else 0
        e = x.bit_length() - 1
        a = x - (1 << e)
        return 1 + self.first[e] + self.octaves[min(e, 52)].cell(a >> max(0, e - 52))

    def _place(self, k: int) -> tuple[Octave, int, int]:
        e = next(e for e in range(64) if k - 1 < self.first[e + 1])
        return self.octaves[min(e, 52)], k - 1 - self.first[e], e

    def _whole(self, k: int) -> int:
        if k <= 0:
            return -self._whole(-k) if k else 0
        o, i, e = self._place(k)
        return (1 << e) + (o.centre_of(i, max(0, e - 52)))

    def edge(self, k: int) -> float:
        if k <= 0:
            return -self.edge(1 - k)
        if k > self.first[64]:
            return 2.0**64 - 0.5
        o, i, e = self._place(k)
        return float((1 << e) + (o.start(i) << max(0, e - 52))) - 0.5


# Floats ---------------------------------------------------------------------------------------------------------------
class _Floats(Lattice):
    """Lattices on magnitudes; `_magnitude`, `_k` and `_start` speak of positive numbers."""

    def __init__(self, dtype: np.dtype) -> None:
        super().__init__(dtype)
        self.p, self.emin = MANTISSA[dtype.itemsize]
        self.emax = 1 - self.emin
        self.bits = np.dtype(f"<u{dtype.itemsize}")
        self.infinity = (self.emax - self.emin + 2) << self.p

    def _begin(self, e: int) -> int:
        """Magnitude at which octave e begins."""
        return (e - self.emin + 1) << self.p

    def f(self, m: int) -> float:
        if m == self.infinity:
            return LARGEST if self.dtype.itemsize == 8 else 2.0 ** (self.emax + 1)
        return float(np.array(m, self.bits).view(self.dtype))

    def below(self, m: int) -> float:
        return self.f(m) / 2 + self.f(m - 1) / 2

    def nearest(self, x: float) -> int:
        """Magnitude of the finite value of the dtype that is nearest to |x|."""
        with np.errstate(over="ignore"):
            m = int(np.array(abs(x)).astype(self.dtype).view(self.bits))
        return min(m, self.infinity - 1)

    def _k(self, m: int) -> int:
        raise NotImplementedError

    def _start(self, k: int) -> int:
        raise NotImplementedError

    def _magnitude(self, k: Ints) -> Ints:
        raise NotImplementedError

    def index(self, x: float) -> int:
        k = self._k(self.nearest(x))
        return -k if x < 0 else k

    def edge(self, k: int) -> float:
        return self.below(self._start(k)) if k > 0 else -self.edge(1 - k)

    def restore(self, k: Ints) -> NDArray[Any]:
        k = np.clip(k, self.lowest, self.highest)
        magnitude = self._magnitude(np.abs(k)).astype(self.bits)
        sign = (k < 0).astype(self.bits) << self.bits.type(8 * self.bits.itemsize - 1)
        values: NDArray[Any] = (magnitude | sign).view(self.dtype)
        return values

    def _limits(self) -> None:
        self.highest = self._k(self.infinity - 1)
        self.lowest = -self.highest


class OrdinalFloats(_Floats):
    def __init__(self, dtype: np.dtype) -> None:
        super().__init__(dtype)
        self._limits()

    def _k(self, m: int) -> int:
        return m

    def _start(self, k: int) -> int:
        return k

    def _magnitude(self, k: Ints) -> Ints:
        return k


class UniformFloats(_Floats):
    def __init__(self, dtype: np.dtype, bound: float, unit: float, noise: float) -> None:
        super().__init__(dtype)

        def spacing(e: int) -> float:
            return math.ldexp(1.0, e - self.p)

        coarse = bound * (2.0**-12 if dtype.itemsize == 8 else 2.0**-9)
        if unit > 0:
            coarse = bound or unit
        if not bound:
            self.step = unit
        elif unit > 0:
            m = math.floor(2.0 * min(bound - noise, LARGEST / 4) * (1.0 - 2.0**-10) / unit) + 1
            self.step = float(m - (m % 2 == 0)) * unit
        elif coarse <= spacing(self.emin):
            self.step = float(2 * math.floor(bound / spacing(self.emin)) + 1) * spacing(self.emin)
        else:
            self.step = 2.0 * min(bound, LARGEST / 4) * (1.0 - 2.0**-10)
        octaves = range(self.emin + 1, self.emax + 1)
        e0 = next((e for e in octaves if spacing(e) >= coarse), self.emax + 1)
        self.far = self._begin(e0)  # magnitude of X
        self.x = math.ldexp(1.0, e0) if e0 <= self.emax else math.inf
        self.k0 = self._first_far() if e0 <= self.emax else (1 << 63) - 1  # K of the text
        self.first, self.start, self.width = (
            [self.k0],
            [self.far],
            [1],
        )  # of the octaves of runs; the last: single floats
        for e in range(e0, self.emax + 1):
            if bound < spacing(e):
                break
            w = 2 * math.floor(bound / spacing(e)) + 1
            self.width.insert(-1, w)
            self.first.append(self.first[-1] + -(-(1 << self.p) // w))
            self.start.append(self.start[-1] + (1 << self.p))
        self._limits()
        self.marks: dict[int, float] = {}
        for v in FILLS:
            held = float(cast(np.array([v]), self.dtype)[0]) == v
            if bound and held and bound * 16 <= abs(v):
                self.marks.setdefault(self.index(v), v)

    def _first_far(self) -> int:
        def is_far(k: int) -> bool:
            return bool(cast(np.array([k * self.step]), self.dtype)[0] >= self.x)

        k = max(1, math.ceil(self.x / self.step))
        while k > 1 and is_far(k - 1):
            k -= 1
        while not is_far(k):
            k += 1
        return k

    def _k(self, m: int) -> int:
        if m < self.far:
            return min(round(self.f(m) / self.step), self.k0)
        o = max(i for i, start in enumerate(self.start) if start <= m)
        return self.first[o] + (m - self.start[o]) // self.width[o]

    def index(self, x: float) -> int:
        if abs(x) < self.x:
            quotient = abs(x) / self.step
            k = min(round(quotient), self.k0, self.highest) if quotient < math.inf else min(self.k0, self.highest)
            return -k if x < 0 else k
        return super().index(x)

    def edge(self, k: int) -> float:
        return (float(k) - 0.5) * self.step if -self.k0 < k <= self.k0 else super().edge(k)

    def _start(self, k: int) -> int:
        o = max(i for i, first in enumerate(self.first) if first <= k)
        return self.start[o] + (k - self.first[o]) * self.width[o]

    def _magnitude(self, k: Ints) -> Ints:
        o = np.maximum(np.searchsorted(np.array(self.first), k, side="right") - 1, 0)
        width = np.array(self.width)[o]
        at = (k - np.array(self.first)[o]) * width
        n = np.where(o < len(self.width) - 1, np.minimum(width, (1 << self.p) - at), 1)
        magnitude: Ints = np.array(self.start)[o] + at + (n - 1) // 2
        return magnitude

    def value(self, k: Ints) -> Doubles:
        k = np.clip(k, self.lowest, self.highest)
        near = (k < self.k0) & (k > -self.k0)
        far = super().restore(np.where(near, self.highest, k)).astype(np.float64)
        values = np.where(near, np.where(near, k, 0).astype(np.float64) * self.step, far)
        for mark, v in self.marks.items():
            values[k == mark] = v
        return values

    def restore(self, k: Ints) -> NDArray[Any]:
        return cast(self.value(k), self.dtype)


class LogFloats(_Floats):
    def __init__(self, dtype: np.dtype, bound: float) -> None:
        super().__init__(dtype)
        self.octave = octave(self.p, bound, True)
        self.subnormals = 1023 if dtype.itemsize == 2 else 0
        self._limits()

    def _k(self, m: int) -> int:
        if m < 1 << self.p:
            return m if self.subnormals else int(m >= 1 << (self.p - 1))
        e, a = divmod(m, 1 << self.p)
        return 1 + self.subnormals + self.octave.n * (e - 1) + self.octave.cell(a)

    def _start(self, k: int) -> int:
        if k <= self.subnormals:
            return k
        e, i = divmod(k - 1 - self.subnormals, self.octave.n)
        return ((e + 1) << self.p) + self.octave.start(i)

    def edge(self, k: int) -> float:
        return self.f(self._start(1)) / 2 if k == 1 else super().edge(k)

    def _magnitude(self, k: Ints) -> Ints:
        e, i = np.divmod(np.maximum(k - 1 - self.subnormals, 0), self.octave.n)
        return np.where(k <= self.subnormals, k, ((e + 1) << self.p) + self.octave.centre(i))
