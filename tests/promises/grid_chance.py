"""Grid frames that no encoder would choose: classes, units, weights, gains, scales, maps and escapes by chance."""

from __future__ import annotations

import struct
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray
from twin.grid_classes import read_classes
from twin.grid_net import GridNet
from twin.grid_predict import Range, read_parameters
from twin.grid_scans import SLICES, Turn, extents, scan
from twin.grid_units import AFFINE, DICTIONARY, FIELDS, SOURCE, read_units
from twin.lattice import Lattice
from twin.lattice import lattice as make_lattice

from .grid_streams import WrittenLoop, WrittenSide, frame, varint
from .hard_arrays import FLOATS, INTEGERS

BOUNDS = [(0, 0.0), (1, 0.05), (1, 3.0), (2, 1e-3)]


def wanted_field(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Integers with calm and wild regions, so that every context comes up."""
    size = np.repeat(10.0 ** rng.uniform(-1.5, rng.uniform(-1, 8.7), max(1, n // 50) + 1), 50)[:n]
    field = rng.standard_normal(n) * size + (np.cumsum(rng.normal(size=n)) * 10 if rng.integers(2) else 0)
    return np.clip(np.rint(field), -(1 << 29), 1 << 29).astype(np.int64)


class Chance:
    """Decides every field: by what was put into `given`, else by its own rule, else by a coin."""

    def __init__(self, rng: np.random.Generator, lattice: Lattice, cells: int) -> None:
        self.rng, self.lattice, self.cells = rng, lattice, cells
        self.given: dict[Hashable, list[int]] = {}
        self.precision = self.first = self.d = self.far = 0
        self.fix = -(1 << 30)
        self.fix_near = 0

    def __call__(self, name: tuple[Hashable, ...]) -> int:
        if self.given.get(name[0]):
            return self.given[name[0]].pop(0)
        return int(getattr(self, f"_{name[0]}", self._coin)())

    def _coin(self) -> int:
        return int(self.rng.integers(2))

    def _below(self, *ends: int) -> int:
        """Less than one of the ends."""
        return int(self.rng.integers(int(self.rng.choice(ends))))

    def _index(self) -> int:
        return int(self.rng.integers(max(self.lattice.lowest, -(10**9)), min(self.lattice.highest, 10**9)))

    # classes
    def _classes(self) -> int:
        return self._below(1, 2, 5)

    def _type(self) -> int:
        return int(self.rng.integers(2))

    def _gap(self) -> int:
        return self._below(3, 30, max(2, self.cells))

    _run = _gap

    def _masked(self) -> int:
        return int(self.rng.random() < 0.3)

    def _kind(self) -> int:
        return self._below(5)

    _axis = _kind

    def _far(self) -> int:
        before, self.far = self.far, self._index()
        return self.far - before

    def _word(self) -> int:
        return self._below(1 << 16)

    # units
    def _entries(self) -> int:
        return self._below(3, 40)

    def _rise(self) -> int:
        return self._below(2, 5)

    def _fixes(self) -> int:
        return self._below(1, 5)

    def _at(self) -> int:
        target = self.fix_near if self.fix < self.fix_near else self.fix + 1 + self._below(9)
        gap, self.fix = target - self.fix - 1, target
        return gap

    def _field(self) -> int:
        return self._below(3, max(2, self.cells))

    def _digits(self) -> int:
        return self._below(2, 23)

    def _phase(self) -> int:
        return self._below(2, 1 << 22)

    def _lanes(self) -> int:
        return self._below(6)

    def _step(self) -> int:
        return int(self.rng.integers(-3, 4))

    # groups and maps
    def _precision(self) -> int:
        self.precision = self._below(17)
        return self.precision

    _gain_precision = _precision

    def _weight(self) -> int:
        most = 1 << self.precision
        return int(self.rng.integers(-most, most + 1)) >> int(self.rng.integers(5))

    _gain = _weight

    def _scale(self) -> int:
        return self._below(2, 2000, 1 << 20)

    def _fine(self) -> int:
        return self._below(4)

    def _from(self) -> int:
        self.first, self.d = self._below(96), 0
        return self.first

    def _many(self) -> int:
        return self._below(96 - self.first)

    def _turn(self) -> int:
        before = self.d
        self.d = min(max(self.d + int(self.rng.integers(-40, 41)), -160), 160)
        return self.d - before


def _words(x: float) -> list[int]:
    return list(struct.unpack(">4H", struct.pack(">d", x)))


def payload(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    lattice: Lattice,
    kind: int,
    closed: bool,
    net: GridNet | None = None,
) -> tuple[bytes, int]:
    """A payload of random fields and cells for `shape` (memory order), and its number of exceptions."""
    grid = extents(shape)
    chance = Chance(rng, lattice, grid.cells)
    side = WrittenSide(chance)
    chance.given = {"scan": [kind], "closed": [int(closed)], "fineness": [int(rng.integers(4, 11))]}
    side.number("scan")
    turns = [Turn(grid, q) for q in range(3 if net is None and min(grid.n[1:]) > 1 else 1)]
    turns = [t for t in turns if kind != SLICES or (t.grid.n[1] > 2 and min(t.grid.n[2:]) > 3)]
    turn = turns[int(rng.integers(len(turns)))]
    if min(grid.n[1:]) > 1:
        chance.given["turned"] = [turn.q]
        side.number("turned")
    side.bit("closed")
    fineness = side.number("fineness") if closed else 0
    classes = read_classes(side, grid, lattice.dtype.itemsize)
    # units, and what u may be under them
    sort = int(rng.integers(4))
    least, most = -(1 << 29), 1 << 29
    chance.given["sort"] = [sort]
    if closed or sort in (SOURCE, FIELDS):
        quantum = 10.0 ** rng.uniform(-3, 1)
        chance.given["word"] = _words(rng.normal() * 100) + _words(quantum)
    elif sort == AFFINE:
        base, stride = chance._index(), int(rng.integers(1, 6))
        chance.given |= {"base": [base], "stride": [stride - 1]}
        least = max(least, -((base - lattice.lowest) // stride))
        most = min(most, (lattice.highest - base) // stride)
    else:
        chance.given["entry"] = [max(lattice.lowest, min(chance._index(), lattice.highest - 200))]
    wanted = wanted_field(grid.cells, rng)
    if sort == SOURCE:
        chance.fix_near = int(wanted[0])
    units = read_units(side, closed, grid.cells)
    if not closed and sort == DICTIONARY:
        least, most = 0, len(units.entries) - 1
        wanted %= most + 1
    wanted = np.clip(wanted, least, most)
    present = wanted[np.array(classes.of) == 0]
    low, high = (int(present.min()), int(present.max())) if present.size else (0, 0)
    chance.given["range"] = [low, high]
    side.signed("range")
    side.signed("range")
    symbols = bits = b""
    if low < high and present.size:
        chance.given["net"] = [int(net is not None)]
        side.bit("net")
        order = scan(kind, turn.grid.n)
        parameters = read_parameters(side, order.groups, grid.blocks, closed)
        coded = [c == 0 for c in turn.there(classes.of)]
        loop = WrittenLoop(turn.grid, order, coded, Range(low, high, closed, fineness), parameters, net)
        symbols, bits = loop.write(turn.there(wanted.tolist()), rng, 0.02, 1 << side.number("lanes"))
    stream = side.stream()
    parts = [varint(len(part)) + part for part in (stream, symbols, bits)]
    return b"".join(parts), classes.n_exceptions


def random_frame(seed: int, shape: tuple[int, ...], kind: int, closed: bool) -> bytes:
    """A frame of any dtype, bound and layout with such a payload; `shape` in memory order."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(str(rng.choice(FLOATS + INTEGERS)))
    bound = BOUNDS[int(rng.integers(4))]
    data, exceptions = payload(rng, shape, make_lattice(dtype, *bound), kind, closed)
    fortran = bool(rng.integers(2))
    if rng.integers(3) == 0 and dtype.itemsize > 1:
        dtype = dtype.newbyteorder(">")
    own_order = shape[::-1] if fortran else shape
    return frame(dtype, own_order, data, stable=not closed, bound=bound, n_exceptions=exceptions, fortran=fortran)
