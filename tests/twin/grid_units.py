"""Section 12.3: small integers u and what they stand for."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grid_classes import Classes
from .lattice import Lattice, cast
from .reader import CorruptDataError
from .side import Side, check

AFFINE, DICTIONARY, SOURCE, FIELDS, DIRECT = range(5)
MOST = (1 << 30) - 1


@dataclass
class Units:
    kind: int
    base: int = 0
    stride: int = 1
    entries: list[int] = field(default_factory=list)
    form: int = 0
    offset: float = 0.0
    quantum: float = 1.0
    fixes: dict[int, int] = field(default_factory=dict)
    field_cells: int = 1
    digits: int = 0
    phases: list[int] = field(default_factory=list)


def _double(side: Side) -> float:
    words = [side.word() for _ in range(4)]
    return float(struct.unpack(">d", struct.pack(">4H", *words))[0])


def read_units(side: Side, closed: bool, cells: int) -> Units:
    units = Units(DIRECT if closed else side.limited(0, 3, "sort"))
    if units.kind == AFFINE:
        units.base = side.signed("base")
        units.stride = side.limited(0, (1 << 64) - 2, "stride") + 1
    elif units.kind == DICTIONARY:
        n = side.limited(0, cells - 1, "entries") + 1
        units.entries = [side.signed("entry")]
        for _ in range(n - 1):
            units.entries.append(check(-(1 << 63), units.entries[-1] + 1 + side.number("rise"), (1 << 63) - 1))
    else:
        if units.kind == SOURCE:
            units.form = side.limited(0, 1, "form")
        units.offset, units.quantum = _double(side), _double(side)
        if not (math.isfinite(units.offset) and math.isfinite(units.quantum) and units.quantum > 0):
            raise CorruptDataError("units without a size")
        if units.kind == SOURCE:
            last = -(1 << 30)
            for _ in range(side.limited(0, cells, "fixes")):
                last = check(-MOST, last + 1 + side.number("at"), MOST)
                units.fixes[last] = side.signed("step")
        if units.kind == FIELDS:
            units.field_cells = side.limited(0, cells - 1, "field") + 1
            units.digits = side.limited(0, 22, "digits")
            n = -(-cells // units.field_cells)
            units.phases = [side.limited(0, (1 << units.digits) - 1, "phase") for _ in range(n)]
    return units


def _nearest(x: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    y = cast(x, dtype)
    if dtype.kind == "f":
        y = np.clip(y, np.finfo(dtype).min, np.finfo(dtype).max)
    return y


def from_units(units: Units, lattice: Lattice, classes: Classes, u: list[int]) -> NDArray[Any]:
    coded = [not c for c in classes.of]
    values: NDArray[Any]
    if units.kind == DIRECT:
        with np.errstate(over="ignore"):
            values = _nearest(units.offset + units.quantum * np.array(u, np.float64), lattice.dtype)
        k = [0] * len(u)
    else:
        k = [0] * len(u)
        for at, x in enumerate(u):
            value = _source(units, x, at)
            if coded[at]:
                k[at] = _index(units, lattice, x, value)
    for at, x in classes.k.items():
        k[at] = x
    for x in k:
        check(lattice.lowest, x, lattice.highest)
    restored = lattice.restore(np.array(k, np.int64))
    if units.kind == DIRECT:
        for at in classes.k:
            values[at] = restored[at]
    else:
        values = restored
    bits = values.view(np.dtype(f"<u{values.dtype.itemsize}"))
    for at, item in classes.items.items():
        bits[at] = item
    return values


def _source(units: Units, u: int, at: int) -> float:
    if units.kind == SOURCE:
        x = units.offset + (u / units.quantum if units.form else units.quantum * u)
    elif units.kind == FIELDS:
        phase = units.phases[at // units.field_cells]
        x = units.offset + units.quantum / (1 << units.digits) * ((u << units.digits) + phase)
    else:
        return 0.0
    if not math.isfinite(x):
        raise CorruptDataError("value that is not finite")
    return x


def _index(units: Units, lattice: Lattice, u: int, x: float) -> int:
    if units.kind == AFFINE:
        return units.base + units.stride * u
    if units.kind == DICTIONARY:
        if not 0 <= u < len(units.entries):
            raise CorruptDataError("entry that is not there")
        return units.entries[u]
    if lattice.dtype.kind == "f":
        x = float(_nearest(np.array([x]), lattice.dtype)[0])
    return lattice.index(x) + units.fixes.get(u, 0)
