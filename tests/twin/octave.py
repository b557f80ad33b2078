"""Section 2: cells of the mantissas of one octave of a log lattice, and the format's integer powers of two."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache

import numpy as np
from numpy.typing import NDArray

MAX_CELLS = 4096


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


def _greedy(p: int, bound: float) -> list[tuple[int, int]] | None:
    """Starts and centres of the greedy cells; None when there are more than 4096."""
    one, last = 1 << p, (1 << p) - 1
    cells: list[tuple[int, int]] = []
    a = 0
    while a <= last:
        if len(cells) == MAX_CELLS:
            return None
        c = min(a + math.floor(bound * float(one + a)), last)
        b = min(c + math.floor(bound * float(one + c) / (1.0 - bound)), last)  # a guess
        while b > c and not float(b - c) <= bound * float(one + b):
            b -= 1
        while b < last and float(b + 1 - c) <= bound * float(one + b + 1):
            b += 1
        cells.append((a, c))
        a = b + 1
    return cells


class Octave:
    """Cells of the integers 0 … 2^P − 1."""

    def __init__(self, p: int, bound: float, equal: bool) -> None:
        self.p = p
        cells = _greedy(p, bound)
        self.segments = cells is None
        if cells is None:
            self.length = 1 << (p - 6)
            self.width = [2 * math.floor(bound * float((1 << p) + s * self.length)) + 1 for s in range(64)]
            self.first = [0]
            for width in self.width:
                self.first.append(self.first[-1] + -(-self.length // width))
            self.n = self.first.pop()
            return
        if equal:
            low, high = bound / 2, bound
            for _ in range(20):
                middle = (low + high) / 2
                tighter = _greedy(p, middle)
                if tighter is not None and len(tighter) == len(cells):
                    high = middle
                else:
                    low = middle
            cells = _greedy(p, high)
            assert cells is not None
        self.starts, self.centres = [a for a, _ in cells], np.array([c for _, c in cells])
        self.n = len(cells)

    def cell(self, a: int) -> int:
        if not self.segments:
            return bisect_right(self.starts, a) - 1
        s, at = divmod(a, self.length)
        return self.first[s] + at // self.width[s]

    def start(self, i: int) -> int:
        if not self.segments:
            return self.starts[i]
        s = bisect_right(self.first, i) - 1
        return s * self.length + (i - self.first[s]) * self.width[s]

    def centre(self, i: NDArray[np.int64]) -> NDArray[np.int64]:
        if not self.segments:
            return self.centres[i]
        s = np.searchsorted(np.array(self.first), i, side="right") - 1
        width = np.array(self.width)[s]
        at = (i - np.array(self.first)[s]) * width
        centre: NDArray[np.int64] = s * self.length + at + (np.minimum(width, self.length - at) - 1) // 2
        return centre

    def centre_of(self, i: int, shift: int) -> int:
        """Centre of cell i in the same octave with `shift` more bits to the mantissa."""
        if not self.segments:
            return int(self.centres[i]) << shift
        s = bisect_right(self.first, i) - 1
        width = self.width[s] << shift
        at = (i - self.first[s]) * width
        n = min(width, (self.length << shift) - at)
        return ((s * self.length) << shift) + at + (n - 1) // 2


@cache
def octave(p: int, bound: float, equal: bool) -> Octave:
    return Octave(p, bound, equal)
