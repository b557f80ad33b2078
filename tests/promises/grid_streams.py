"""The twin's decoder of grids run backwards, for streams that no encoder of ours would write.

The twin's decoder is run backwards: wherever it would read, chance or the wanted field decides, and what was decided
is written down. So the rules are the twin's own, and the native decoder is asked about all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from twin.grid_predict import Loop
from twin.grid_tables import Table
from twin.side import Side

from .frames import framed

Interval = tuple[int, int, int]  # lane, start, freq
Choose = Callable[[tuple[Hashable, ...]], int]


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> int:
    return value << 1 if value >= 0 else ~(value << 1)


def rans(intervals: list[Interval], lanes: int) -> bytes:
    """The stream that a decoder reads as these intervals."""
    states, words = [1 << 16] * lanes, []
    for lane, start, freq in reversed(intervals):
        x = states[lane]
        if x >= freq << 16:
            words.append(x & 0xFFFF)
            x >>= 16
        states[lane] = ((x // freq) << 16) + x % freq + start
    return struct.pack(f"<{lanes}I", *states) + struct.pack(f"<{len(words)}H", *reversed(words))


class WrittenSide(Side):
    """A side stream whose every field is decided by `choose`, by the name of its model (("plain",) without one)."""

    def __init__(self, choose: Choose) -> None:
        super().__init__(b"\0\0\1\0")
        self.choose = choose
        self.intervals: list[Interval] = []
        self.forced: list[int] = []

    def _decide(self, p: int) -> int:
        bit = self.forced.pop(0)
        self.intervals.append((0, 65536 - p, p) if bit else (0, 0, 65536 - p))
        return bit

    def bit(self, *name: Hashable) -> int:
        if not self.forced:
            self.forced = [self.choose(name)]
        return super().bit(*name)

    def plain(self) -> int:
        if not self.forced:
            self.forced = [self.choose(("plain",))]
        return super().plain()

    def word(self) -> int:
        word = self.choose(("word",))
        self.intervals.append((0, word, 1))
        return word

    def _write(self, value: int, name: tuple[Hashable, ...]) -> int:
        assert not self.forced and 0 <= value < 1 << 64
        length = value.bit_length()
        self.forced = [1] * length + [0] * (length < 64) + [value >> i & 1 for i in reversed(range(length - 1))]
        assert super().number(*name) == value
        return value

    def number(self, *name: Hashable) -> int:
        return self._write(self.choose(name), name)

    def limited(self, lowest: int, highest: int, *name: Hashable) -> int:
        return self._write(min(max(self.choose(name), lowest), highest), name)

    def signed(self, *name: Hashable) -> int:
        value = self.choose(name)
        self._write(zigzag(value), name)
        return value

    def finish(self) -> None:
        pass

    def stream(self) -> bytes:
        return rans(self.intervals, 1)


class WrittenLoop(Loop):
    """Codes the wanted u, a list in memory order; the fraction `escaped` of the numbers in spite of the table."""

    def write(self, wanted: list[int], rng: np.random.Generator, escaped: float, lanes: int) -> tuple[bytes, bytes]:
        """Symbols and bits; self.cells hold what was coded."""
        self.wanted, self.escaped, self.rng = wanted, escaped, rng
        self.intervals: list[Interval] = []
        self.bits = self.n_bits = 0
        self.lanes = lanes
        self.run()
        return rans(self.intervals, lanes), self.bits.to_bytes((self.n_bits + 7) // 8, "little")

    def _put_bits(self, value: int, n: int) -> None:
        self.bits |= value << self.n_bits
        self.n_bits += n

    def number(self, at: int, chosen: Table, k: int, anchor: int, step: int) -> int:
        g = (self.wanted[at] - anchor + ((1 << step) >> 1)) >> step
        shifted = g + ((1 << k) >> 1)
        number = shifted >> k
        escape = abs(number) > chosen.reach or self.rng.random() < self.escaped
        symbol = 2 * chosen.reach + 1 if escape else number + chosen.reach
        lane = len(self.intervals) % self.lanes
        self.intervals.append((lane, chosen.start[symbol], chosen.freq[symbol]))
        if escape:
            code = zigzag(number)
            self._put_bits(code.bit_length(), 7)
            self._put_bits(code, code.bit_length())
        self._put_bits(shifted & ((1 << k) - 1), k)
        return g


def frame(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    payload: bytes,
    *,
    stable: bool,
    bound: tuple[int, float],
    n_exceptions: int = 0,
    fortran: bool = False,
) -> bytes:
    flags = (2 if fortran else 0) | (8 if stable else 0) | (1 if dtype.str[0] == ">" else 0)
    return framed(5, flags, dtype, shape, bound, n_exceptions, payload)
