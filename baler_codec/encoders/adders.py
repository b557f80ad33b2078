"""What a constant weight costs in a circuit without multipliers: one adder for each of its signed digits but one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy.typing as npt


class Whole(Protocol):
    """A layer of integers: weights by (output, input), bias and shift by output."""

    @property
    def weight(self) -> npt.NDArray[Any]:
        """Weights."""

    @property
    def bias(self) -> npt.NDArray[Any]:
        """What is added before the shift."""

    @property
    def shift(self) -> npt.NDArray[Any]:
        """To the right, rounding half up."""


def digits(value: int) -> Iterator[tuple[int, bool]]:
    """Yield the canonical signed digits of a number: (place, is it negative); no two are neighbours."""
    place = 0
    while value:
        if value & 1:
            minus = value & 3 == 3
            yield place, minus
            value += 1 if minus else -1
        value >>= 1
        place += 1


def count(value: int) -> int:
    """Return how many canonical signed digits a number has."""
    return (value ^ 3 * value).bit_count()


def adders(layers: Iterable[Whole]) -> int:
    """Adders of an encoder if nothing is shared: circuits have fewer (``firmware.circuit``)."""
    total = 0
    for layer in layers:
        for row, bias, shift in zip(layer.weight.tolist(), layer.bias.tolist(), layer.shift.tolist(), strict=True):
            terms = sum(count(abs(w)) for w in row) + (bias + (1 << shift >> 1) != 0)
            total += max(0, terms - 1)
    return total
