"""Section 7.5: hints, formulas on the values of earlier columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def exp(x: Array) -> Array:
    inside = np.abs(x) <= 700.0
    x = np.where(inside, x, 0.0)
    n = np.rint(x * 1.4426950408889634)
    r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    p = np.ones_like(x)
    for i in range(13, 0, -1):
        p = 1.0 + (p * r) / float(i)
    return np.where(inside, np.ldexp(p, n.astype(np.int64)), np.nan)


def log(x: Array) -> Array:
    inside = (x >= 2.0**-1022) & (x < np.inf)
    m, e = np.frexp(np.where(inside, x, 1.0))
    small = m < 0.7071067811865476
    m, e = np.where(small, m * 2.0, m), np.where(small, e - 1, e)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = np.zeros_like(x)
    for i in range(21, 0, -2):
        p = p * q + 1.0 / float(i)
    return np.where(inside, (2.0 * s) * p + e * 0.6931471805599453, np.nan)


def _reduced(x: Array) -> tuple[Array, NDArray[np.bool_]]:
    inside = np.abs(x) <= 1e5
    x = np.where(inside, x, 0.0)
    n = np.rint(x * 0.15915494309189535)
    return (x - n * 6.28318530717958623) - n * 2.4492935982947064e-16, inside


def sin(x: Array) -> Array:
    r, inside = _reduced(x)
    p = np.ones_like(r)
    for i in range(13, 0, -1):
        p = 1.0 - (p * (r * r)) / float((2 * i) * (2 * i + 1))
    return np.where(inside, r * p, np.nan)


def cos(x: Array) -> Array:
    r, inside = _reduced(x)
    p = np.ones_like(r)
    for i in range(14, 0, -1):
        p = 1.0 - (p * (r * r)) / float((2 * i - 1) * (2 * i))
    return np.where(inside, p, np.nan)


def cosh(x: Array) -> Array:
    t = exp(x)
    return (t + 1.0 / t) * 0.5


def sinh(x: Array) -> Array:
    t = exp(x)
    return (t - 1.0 / t) * 0.5


ONE: dict[int, Callable[[Array], Array]] = {
    6: np.sqrt,
    7: np.negative,
    8: np.abs,
    11: exp,
    12: cosh,
    13: sinh,
    14: log,
    15: sin,
    16: cos,
}
TWO: dict[int, Callable[[Array, Array], Array]] = {
    2: np.add,
    3: np.subtract,
    4: np.multiply,
    5: np.divide,
    9: lambda a, b: np.where(b < a, b, a),
    10: lambda a, b: np.where(b > a, b, a),
}


def run(
    program: list[tuple[int, float]], value: Callable[[int], Array], value_before: Callable[[int], Array], rows: int
) -> Array:
    """The program on the values of the columns; what is not finite means no hint."""
    stack: list[Array] = []
    with np.errstate(all="ignore"):
        for op, argument in program:
            if op == 0:
                stack.append(np.full(rows, argument))
            elif op in (1, 17):
                stack.append((value if op == 1 else value_before)(int(argument)))
            elif op in ONE:
                stack.append(ONE[op](stack.pop()))
            else:
                b, a = stack.pop(), stack.pop()
                stack.append(TWO[op](a, b))
    return stack.pop()
