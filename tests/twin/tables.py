"""Section 7.2: tables of the format."""

from __future__ import annotations

from functools import cache

import numpy as np

from .model_file import Variable
from .octave import integer_power


def _power_of_e(j: int) -> int:
    x = (j * 6653256548920620560) >> 6
    p = ((1 << 124) // integer_power(x & ((1 << 62) - 1))) >> (x >> 62)
    return (p << 30) // ((1 << 62) + p)


N = [_power_of_e(j) for j in range(1537)]


def neg(a: int) -> int:
    if a >= 24576:
        return 0
    j = a >> 4
    return N[j] - (((N[j] - N[j + 1]) * (a & 15)) >> 4)


def isig(u: int) -> int:
    """Logistic function: argument in 2^-10, result in 2^-30."""
    return neg(-u) if u < 0 else (1 << 30) - neg(u)


SIG = [min(max((isig(4 * (i - 2048)) + (1 << 13)) >> 14, 1), 65472) for i in range(4096)]


def _inverse_scale(s: int) -> int:
    e, f = divmod(200 - s, 8)
    return (integer_power(f << 59) + (1 << (61 - e))) >> (62 - e)


INV = [_inverse_scale(s) for s in range(129)]


def shape_table(v: Variable) -> list[int]:
    t = []
    for i in range(1025):
        at = 32 * (i - 512)
        parts = zip(v.weights, v.offsets, v.inverses, strict=True)
        t.append((sum(w * isig(((at - o) * inverse) >> 12) for w, o, inverse in parts) + (1 << 29)) >> 30)
    t[0], t[1024] = 0, 65536
    return t


@cache
def _expanded(t: tuple[int, ...]) -> list[int]:
    table = np.array(t, np.int64)
    u = np.arange(32768)
    result: list[int] = (table[u >> 5] + (((table[(u >> 5) + 1] - table[u >> 5]) * (u & 31)) >> 5)).tolist()
    return result


class Shape:
    """F of a variable."""

    def __init__(self, v: Variable) -> None:
        self.table = _expanded(tuple(shape_table(v)))

    def __call__(self, t: int) -> int:
        u = t + 16384
        return 0 if u < 0 else 65536 if u >= 32768 else self.table[u]
