"""Section 5.1: the side stream of adaptive bits, numbers and frequency tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from .entropy import Rans, normalise
from .reader import CorruptDataError, Reader, unzigzag

Weighted = list[int | None]  # heights in eighths of an octave by token; None: absent


def parts(reader: Reader, lanes: int) -> tuple[Side, Rans, bytes]:
    """The three parts of a payload: side stream, symbols, bits."""
    side, symbols, bits = (reader.raw(reader.varint()) for _ in range(3))
    return Side(side), Rans(symbols or b"\0\0\1\0" * lanes, lanes), bits


class Table:
    """Tokens by their intervals, of 4096."""

    def __init__(self, freq: list[int]) -> None:
        self.interval: list[tuple[int, int]] = []
        self.lookup: list[int] = []
        for token, f in enumerate(freq):
            self.interval.append((16 * len(self.lookup), 16 * f))
            self.lookup += [token] * f

    def decode(self, rans: Rans, lane: int) -> int:
        token = self.lookup[rans.slot(lane) >> 4]
        rans.advance(lane, *self.interval[token])
        return token


class Side:
    """Decisions by bit models that learn; a model is known by any name and begins with p = 32768, n = 0."""

    def __init__(self, stream: bytes) -> None:
        self.rans = Rans(stream, 1)
        self.models: dict[Hashable, list[int]] = defaultdict(lambda: [32768, 0])

    def _decide(self, p: int) -> int:
        bit = int(self.rans.slot(0) >= 65536 - p)
        self.rans.advance(0, *((65536 - p, p) if bit else (0, 65536 - p)))
        return bit

    def bit(self, *name: Hashable) -> int:
        model = self.models[name]
        p, n = model
        bit = self._decide(p)
        rate = 2 + (n >= 2) + (n >= 6) + (n >= 14)
        model[:] = p + (((65280 if bit else 256) - p) >> rate), min(n + 1, 14)
        return bit

    def plain(self) -> int:
        """A bit without a model."""
        return self._decide(32768)

    def word(self) -> int:
        """16 bits without a model."""
        word = self.rans.slot(0)
        self.rans.advance(0, word, 1)
        return word

    def number(self, *name: Hashable) -> int:
        length = 0
        while length < 64 and self.bit(*name, "length", length):
            length += 1
        if length == 0:
            return 0
        value = node = 1
        for i in range(length - 1):
            bit = self.bit(*name, "high", length, node) if i < 2 else self.plain()
            node = 2 * node + bit
            value = 2 * value + bit
        return value

    def signed(self, *name: Hashable) -> int:
        return unzigzag(self.number(*name))

    def limited(self, lowest: int, highest: int, *name: Hashable) -> int:
        return check(lowest, self.number(*name), highest)

    def tables(self, n: int, tokens: int, *name: Hashable) -> list[Table]:
        """A list of frequency tables, each written with the one before in view."""
        above: Weighted | None = None
        tables = []
        for _ in range(n):
            table, above = self._table(tokens, above, name)
            tables.append(table)
        return tables

    def _table(self, tokens: int, above: Weighted | None, name: tuple[Hashable, ...]) -> tuple[Table, Weighted]:
        precision = self.limited(0, 3, *name, "precision")
        unit = 8 >> precision
        heights: Weighted = []
        weights: list[int] = []
        for token in range(tokens):
            west = heights[token - 1] if token else None
            north = above[token] if above else None
            northwest = above[token - 1] if above and token else None
            a = 1 + (north is None) if above else 0
            if self.bit(*name, "absent", west is None, a):
                heights.append(None)
                weights.append(0)
                continue
            d = self.signed(*name, "level", precision, north is not None)
            guess = north if north is not None else west if west is not None else 0
            if west is not None and north is not None and northwest is not None:
                guess = sorted((west, north, north + west - northwest))[1]
            quotient = abs(guess) // unit
            level = check(1, 1 + (quotient if guess >= 0 else -quotient) + d, 25 << precision)
            heights.append((level - 1) * unit)
            weights.append(((1 << precision) + (level - 1) % (1 << precision)) << ((level - 1) >> precision))
        if not any(weights):
            raise CorruptDataError("frequency table of no tokens")
        return Table(normalise(weights, 4096)), heights

    def finish(self) -> None:
        self.rans.finish()


def check(lowest: int, value: int, highest: int) -> int:
    if not lowest <= value <= highest:
        raise CorruptDataError(f"{value} is not between {lowest} and {highest}")
    return value
