"""Section 12.6: the tables of the format's distributions, by exact integers."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache

from .entropy import Rans
from .octave import integer_power

GAUSS, LOGISTIC, LAPLACE, STUDENT = SHAPES = range(4)
CENTRED = 8  # in place of a phase
WIDTHS = 36  # J of tables; wider distributions are these with plain bits below
STEPS = 2048  # of half a distribution


def _neg(x: int) -> int:
    """2^30 · 2^(−x / 2^62)."""
    n, f = divmod(x, 1 << 62)
    return 0 if n >= 30 else ((1 << 124) // integer_power(f)) >> (n + 32)


def _density(shape: int, b: int) -> int:
    if shape == GAUSS:
        return _neg(b * b * 129260091237730)
    if shape == LOGISTIC:
        q = _neg(b << 56)
        return (q << 60) // ((1 << 30) + q) ** 2
    if shape == LAPLACE:
        return _neg(b * 51978566788454385)
    return (1 << 90) // ((1 << 30) + 26561 * b * b) ** 2


@cache
def half(shape: int) -> list[int]:
    """C of the text: sums of half a distribution."""
    sums = [0]
    for i in range(STEPS):
        sums.append(sums[-1] + _density(shape, 2 * i + 1))
    return sums


def _integral(shape: int, t: int) -> int:
    if t < 0:
        return -_integral(shape, -t)
    c, i = half(shape), t >> 16
    return c[i] + (((c[i + 1] - c[i]) * (t & 0xFFFF)) >> 16) if i < STEPS else c[STEPS]


class Table:
    """Symbols −reach … reach and the escape: freq, start."""

    def __init__(self, shape: int, j: int, phase: int) -> None:
        e, f = divmod(84 - j, 4)
        m = integer_power(f << 60) >> (62 - e)
        e, f = divmod(j, 4)
        n = integer_power(f << 60) >> (61 - e)
        self.reach = min(128, 3 + (((24 if shape == STUDENT else 12) * n) >> 6))
        mass = []
        for r in range(-self.reach, self.reach + 1):
            if phase == CENTRED:
                mass.append(4 * (_integral(shape, (64 * r + 32) * m) - _integral(shape, (64 * r - 32) * m)))
            else:
                places = (8 * phase + 1, 8 * phase + 3, 8 * phase + 5, 8 * phase + 7)
                at = [64 * r - x for x in places]
                mass.append(sum(_integral(shape, (a + 32) * m) - _integral(shape, (a - 32) * m) for a in at))
        total = 8 * half(shape)[STEPS]
        mass.append(max(total >> 17, total - sum(mass)))
        whole = sum(mass)
        self.freq = [1 + x * (65536 - len(mass)) // whole for x in mass]
        self.freq[self.freq.index(max(self.freq))] += 65536 - sum(self.freq)
        self.start = [sum(self.freq[:i]) for i in range(len(self.freq))]

    def decode(self, rans: Rans, lane: int) -> int | None:
        """A number, or None for the escape."""
        symbol = bisect_right(self.start, rans.slot(lane)) - 1
        rans.advance(lane, self.start[symbol], self.freq[symbol])
        return symbol - self.reach if symbol <= 2 * self.reach else None


@cache
def table(shape: int, j: int, phase: int) -> Table:
    return Table(shape, j, phase)
