"""Section 12.1: orders in which the cells of a grid come, and the neighbours that are known by then."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, combinations, product, zip_longest

import numpy as np

from .reader import CorruptDataError

RASTER, PARITY, SLICES, AXES = range(4)
AXIS = range(4)
NINE, MINUS_ONE, NOTHING = Fraction(9, 16), Fraction(-1, 16), Fraction(0)
SIGNS = tuple(product((-1, 1), repeat=2))  # −−, −+, +−, ++

Offset = tuple[int, ...]  # four numbers, as are places and extents
Tap = tuple[Offset, Fraction]  # with its default weight


@dataclass(frozen=True)
class Extents:
    """`blocks` grids of n cells, one after the other in memory."""

    blocks: int
    n: tuple[int, ...]

    @property
    def block(self) -> int:
        return math.prod(self.n)

    @property
    def cells(self) -> int:
        return self.blocks * self.block


def extents(memory_order: tuple[int, ...]) -> Extents:
    """Of a chunk whose axes are given from slowest to fastest."""
    real = [n for n in memory_order if n > 1]
    axes = real[-4:]
    return Extents(math.prod(real[:-4]), tuple([1] * (4 - len(axes)) + axes))


class Turn:
    """A turned grid, and the ways between its order of cells and the chunk's."""

    def __init__(self, grid: Extents, q: int) -> None:
        self.q = q
        self.axes = (0, 1, *(2 + (d + q) % 3 for d in range(3)))  # blocks and axis 0 stay
        self.shape = (grid.blocks, *grid.n)
        self.grid = Extents(grid.blocks, tuple(self.shape[a] for a in self.axes[1:]))

    def there(self, cells: list[int]) -> list[int]:
        turned: list[int] = np.array(cells).reshape(self.shape).transpose(self.axes).ravel().tolist()
        return turned

    def back(self, cells: list[int]) -> list[int]:
        shape = (self.grid.blocks, *self.grid.n)
        own: list[int] = np.array(cells).reshape(shape).transpose(np.argsort(self.axes)).ravel().tolist()
        return own


@dataclass
class Group:
    """Cells with the same taps and parameters; `cells` of them in one block."""

    taps: list[Offset]
    weights: list[Fraction]
    cells: int = 0


@dataclass
class Scan:
    """The cells of a block in coding order, each with the number of its group."""

    groups: list[Group] = field(default_factory=list)
    cells: list[tuple[int, Offset]] = field(default_factory=list)


def scan(kind: int, n: tuple[int, ...]) -> Scan:
    result = Scan()
    if kind == RASTER:
        result.cells = [(3 * min(place[0], 1) + min(place[1], 2), place) for place in _strands(n)]
        result.groups = [_group(n, _raster_taps(n, v, t)) for v in (0, 1) for t in (0, 1, 2)]
    else:
        passes = {PARITY: _parity, SLICES: _slices, AXES: _axes}[kind](n)
        numbers: dict[object, int] = {}
        for name, taps, start, end, stride in passes:
            if name not in numbers:
                numbers[name] = len(result.groups)
                result.groups.append(_group(n, taps))
            places = product(*(range(start[d], end[d], stride[d]) for d in AXIS))
            result.cells += [(numbers[name], place) for place in places]
    for group, _ in result.cells:
        result.groups[group].cells += 1
    return result


def _strands(n: tuple[int, ...]) -> list[Offset]:
    """A raster's cells in coding order: odd rows are coded 16 cells behind even ones."""
    places = list(product(*map(range, n)))
    rows = [places[i : i + n[3]] for i in range(0, len(places), n[3])]
    if n[3] < 32 or len(rows) == 1:
        return places
    even, odd = (list(chain.from_iterable(rows[i::2])) for i in (0, 1))
    steps = zip_longest(even, [None] * 16 + odd)
    return [place for step in steps for place in step if place is not None]


def _group(n: tuple[int, ...], taps: list[Tap]) -> Group:
    kept = [(o, w) for o, w in taps if all(n[d] > 1 or not o[d] for d in AXIS)]
    if len(kept) > 40:
        raise AssertionError("the text says that no list is longer")
    return Group([o for o, _ in kept], [w for _, w in kept])


def _on(*parts: tuple[int, int]) -> Offset:
    """The offset of these parts, each (axis, part)."""
    given = dict(parts)
    return tuple(given.get(d, 0) for d in AXIS)


# Raster -----------------------------------------------------------------------------------------------------------
RASTER_TAPS = """
(0,0,0,-1) (0,0,-1,0) (0,0,-1,-1) (0,0,-1,1) (0,0,0,-2) (0,0,-2,0) (0,-1,0,0) (0,-1,0,-1) (0,-1,-1,0) (0,-1,0,1)
(0,-1,1,0) (0,-1,-1,-1) (0,-2,0,0) (-1,0,0,0) (0,-1,-1,1) (0,-1,1,-1) (0,-1,1,1) (0,0,-1,-2) (0,0,-1,2) (0,0,-2,-1)
(0,0,-2,1) (0,0,0,-3) (-1,0,0,-1) (-1,0,-1,0) (-1,0,0,1) (-1,0,1,0) (-1,-1,0,0) (-1,0,-1,-1) (-1,-1,0,-1)
(-1,-1,-1,0) (-1,-1,-1,-1) (-2,0,0,0)
"""


def _raster_taps(n: tuple[int, ...], v: int, t: int) -> list[Tap]:
    taps = []
    offsets = [tuple(map(int, word.strip("()").split(","))) for word in RASTER_TAPS.split()]
    if n[3] > 1 and n[:3] == (1, 1, 1):
        offsets += [(0, 0, 0, -4), (0, 0, 0, -5), (0, 0, 0, -6)]
    for o in offsets:
        if -o[1] <= t and (o[0] == 0 or v == 1):
            m = o.count(-1)
            corner = m + o.count(0) == 4
            taps.append((o, Fraction((-1) ** (m + 1) if corner else 0)))
    return taps


# Parity, axes -------------------------------------------------------------------------------------------------------
Pass = tuple[object, list[Tap], Offset, Offset, Offset]  # name of the group, taps, start, end, stride


def _first_strides(n: tuple[int, ...]) -> list[int]:
    s = 16
    while s > 1 and not any(x > 2 * s for x in n):
        s //= 2
    return [min(2 * s, 1 << (x - 1).bit_length()) for x in n]


def _first_pass(n: tuple[int, ...], c: list[int]) -> Pass:
    corners = [o for o in product(*((-c[d], 0) for d in AXIS)) if any(o)]
    corners.sort(key=lambda o: 4 - o.count(0))  # keeps the order among equals
    taps = [(o, Fraction((-1) ** (5 - o.count(0)))) for o in corners]
    return 0, taps, (0, 0, 0, 0), n, tuple(c)


def _levels(c: list[int]) -> Iterator[int]:
    s = max(c) // 2
    while s >= 1:
        yield s
        s //= 2


def _parity(n: tuple[int, ...]) -> Iterator[Pass]:
    c = _first_strides(n)
    yield _first_pass(n, c)
    real = [d for d in AXIS if n[d] > 1]
    for s in _levels(c):
        active = [d for d in real if c[d] == 2 * s]
        stride = tuple(2 * s if d in active else c[d] for d in AXIS)
        for m in range(1, len(active) + 1):
            for chosen in combinations(active, m):
                taps = [(_on((k, o)), NINE / m) for k in chosen for o in (-s, s)]
                taps += [(_on((k, o)), MINUS_ONE / m) for k in chosen for o in (-3 * s, 3 * s)]
                if m == 1:
                    k = chosen[0]
                    pairs = [(k, j, stride[j]) for j in reversed(real) if j != k]
                else:
                    pairs = [(k, j, s) for k, j in combinations(chosen, 2)]
                taps += [(_on((k, a * s), (j, b * e)), NOTHING) for k, j, e in pairs for a, b in SIGNS]
                yield (s, chosen), taps, tuple(s if d in chosen else 0 for d in AXIS), n, stride
        for d in active:
            c[d] = s


def _axes(n: tuple[int, ...]) -> Iterator[Pass]:
    c = _first_strides(n)
    yield _first_pass(n, c)
    real = [d for d in AXIS if n[d] > 1]
    for s in _levels(c):
        for k in [d for d in real if c[d] == 2 * s]:
            taps = _line(k, s)
            for j in reversed(real):
                if j != k:
                    taps += [(_on((k, a * s), (j, b * c[j])), NOTHING) for a, b in SIGNS]
            yield (s, k), taps, _on((k, s)), n, tuple(c)
            c[k] = s


def _line(k: int, s: int) -> list[Tap]:
    return [(_on((k, o)), w) for o, w in ((-s, NINE), (s, NINE), (-3 * s, MINUS_ONE), (3 * s, MINUS_ONE))]


# Slices ---------------------------------------------------------------------------------------------------------------
def _slice_taps(z: int) -> list[Tap]:
    taps = [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)] if z else []
    offsets = [(0, -1, *yx) for yx in taps] + ([(0, -2, 0, 0)] if z == 2 else [])
    return [(o, NOTHING) for o in offsets]


def _slices(n: tuple[int, ...]) -> Iterator[Pass]:
    if n[1] < 3 or n[2] < 4 or n[3] < 4:
        raise CorruptDataError("slices of a grid that is too small")
    first = 8
    while first > 1 and max(n[2], n[3]) <= 2 * first:
        first //= 2
    for v in range(n[0]):
        for t in range(n[1]):
            z = min(t, 2)
            end = (v + 1, t + 1, n[2], n[3])
            wide = 2 * first
            corners = [((0, 0, 0, -wide), 1), ((0, 0, -wide, 0), 1), ((0, 0, -wide, -wide), -1)]
            taps = [(o, Fraction(w)) for o, w in corners] + _slice_taps(z)
            yield ("base", z), taps, (v, t, 0, 0), end, (1, 1, wide, wide)
            c = [1, 1, wide, wide]
            for s in _levels(c):
                for k in (2, 3):
                    j = 5 - k
                    taps = _line(k, s)
                    taps += [(_on((k, a * s), (j, b * c[j])), NOTHING) for a, b in SIGNS] + _slice_taps(z)
                    if z >= 1 and s > 1:
                        taps += [(_on((1, -1), (k, o)), NOTHING) for o in (-s, s)]
                    yield (s, k, z), taps, (v, t, s if k == 2 else 0, s if k == 3 else 0), end, tuple(c)
                    c[k] = s
