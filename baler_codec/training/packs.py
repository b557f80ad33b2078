"""From rows and bounds to what the networks see and what they are judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .hints import Hint
from .lattices import EXACT, Bound, Float, Int, Lattice
from .prepare import Column, Table
from .relations import Relation

FAR = 40.0  # z of the outermost edges
BLOCK = 32  # consecutive rows that are drawn together, so that rows share the work for the row before

# kinds of input of the file format that the networks of columns use
Z, SPIKE_FLAG, REPEAT_FLAG, HINT, RAW_LATENT, WIDTH, Z_BEFORE = range(7)
Packed = npt.NDArray[np.float32]


@dataclass
class Layout:
    """Variables in coding order, and the features made of them: (kind, variable), one per place."""

    table: Table
    order: list[int]  # all variables, latents first
    relations: dict[int, Relation]
    hints: dict[int, Hint]
    rows_before: bool = True
    widths: bool = True
    coded: list[int] = field(init=False)  # variables that have a network, in coding order
    features: list[tuple[int, int]] = field(init=False)
    place: dict[tuple[int, int], int] = field(init=False)

    def __post_init__(self) -> None:
        columns = self.table.columns
        self.coded = [v for v in self.order if v not in self.relations]
        own = [v for v in self.coded if v < self.table.n_columns]  # latents have no widths and no past
        self.features = [(Z, v) for v in self.coded]
        self.features += [(SPIKE_FLAG, v) for v in self.coded if columns[v].spike is not None]
        self.features += [(REPEAT_FLAG, v) for v in self.coded if columns[v].repeats]
        self.features += [(HINT, v) for v in self.coded if v in self.hints]
        self.features += [(WIDTH, v) for v in own if self.widths]
        self.features += [(Z_BEFORE, v) for v in own if self.rows_before]
        self.place = {f: i for i, f in enumerate(self.features)}

    @property
    def width(self) -> int:
        """Numbers in a row of a pack: features; lower edge, cell, spike, repeat, weight of every coded variable."""
        return len(self.features) + 5 * len(self.coded)

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Whether (feature, network) may be connected: a network sees what is decoded before its variable."""
        known = np.zeros((len(self.features), len(self.coded)), bool)
        rank = {v: i for i, v in enumerate(self.coded)}
        for p, (kind, v) in enumerate(self.features):
            for i, target in enumerate(self.coded):
                if kind in (Z, SPIKE_FLAG, REPEAT_FLAG):
                    known[p, i] = rank[v] < i
                elif kind == HINT:
                    known[p, i] = v == target
                elif kind == WIDTH:
                    known[p, i] = rank[v] <= i and target < self.table.n_columns
                else:
                    known[p, i] = target < self.table.n_columns
        return known


def lattice_of(table: Table, variable: int, bounds: Sequence[Bound]) -> Lattice:
    """Lattice of a column under its bound; latents are whole numbers whatever the bounds are."""
    column = table.columns[variable]
    if variable >= table.n_columns:
        return Lattice(np.dtype(np.float64), Bound(EXACT), 1.0)
    return Lattice(table.dtype, bounds[variable], column.unit, column.noise)


def cells(lattice: Lattice, column: Column) -> tuple[int, int]:
    """First and last cell of a column under a lattice."""
    k = lattice.index(np.array([column.lo, column.hi]))
    return int(k[0]) - 1, int(k[1]) + 1


def width_feature(lattice: Lattice, column: Column) -> float:
    """How fine the lattice is: (log2 of the cells between z = -1 and 1, less 8) / 4."""
    k = lattice.index(column.warp.inverse(np.array([-1.0, 1.0])))
    return float(np.clip((math.log2(max(1, int(k[1]) - int(k[0]))) - 8.0) / 4.0, -4.0, 4.0))


@dataclass
class _Quantised:
    """A column of rows under its lattice."""

    inside: Int
    k: Int
    low: Float
    high: Float
    z: Float
    spike: npt.NDArray[np.bool_]
    first: int
    last: int


def _quantise(lattice: Lattice, column: Column, x: Float) -> _Quantised:
    k = lattice.index(x)
    first, last = cells(lattice, column)
    inside = np.clip(k, first, last)
    low, high = column.warp(lattice.edge(inside)), column.warp(lattice.edge(inside + 1))
    z = np.clip(0.5 * (low + high), -4.0, 4.0)
    spike = np.zeros(len(x), bool)
    if column.spike is not None:
        spike = k == int(lattice.index(np.array([column.spike]))[0])
        z[spike] = -4.0
    return _Quantised(inside, k, low, high, z, spike, first, last)


def build(layout: Layout, bounds: Sequence[Bound], rows: Int, alone: npt.NDArray[np.bool_] | None = None) -> Packed:
    """One row of numbers per row of the table, under one set of bounds.

    Parameters
    ----------
    layout, bounds
        What to compute, and how fine.
    rows
        Rows of the table. Consecutive ones are cheapest.
    alone
        Rows that are to be treated as if they had no row before.
    """
    table, place = layout.table, layout.place
    n, f = len(layout.coded), len(layout.features)
    out = np.zeros((len(rows), layout.width), np.float32)
    # every row and the one before, each once
    needed, where = np.unique(np.concatenate([rows, np.maximum(rows - 1, 0)]), return_inverse=True)
    here, before = where[: len(rows)], where[len(rows) :]
    past = rows > 0
    if alone is not None:
        past = past & ~alone
    sources = {s for h in layout.hints.values() for s in h.sources}
    old_sources = {s for h in layout.hints.values() for s in h.sources_before}
    values: dict[int, Float] = {}
    old: dict[int, Float] = {}
    column_of = {v: i for i, v in enumerate(layout.coded)}
    lattices = {v: lattice_of(table, v, bounds) for v in {*layout.coded, *sources, *old_sources}}
    for v in old_sources:
        points = lattices[v].value(lattices[v].index(table.values[needed, v]))
        old[v] = np.where(past, points[before], np.nan)
    for v in layout.order:
        if v not in lattices:
            continue
        column, lattice = table.columns[v], lattices[v]
        if v not in column_of:
            values[v] = lattice.value(lattice.index(table.values[rows, v]))
            continue
        i, q = column_of[v], _quantise(lattice, column, table.values[needed, v])
        if v in sources:
            values[v] = lattice.value(q.k[here])
        out[:, place[Z, v]] = q.z[here]
        if (SPIKE_FLAG, v) in place:
            out[:, place[SPIKE_FLAG, v]] = 2.0 * q.spike[here]
        repeat = np.zeros(len(rows), bool)
        if (REPEAT_FLAG, v) in place:
            repeat = q.k[here] == np.where(past, q.k[before], 0)
            out[:, place[REPEAT_FLAG, v]] = 2.0 * repeat
        if (WIDTH, v) in place:
            out[:, place[WIDTH, v]] = width_feature(lattice, column)
        if (Z_BEFORE, v) in place:
            out[:, place[Z_BEFORE, v]] = np.where(past, q.z[before], 0.0)
        low, high, inside = q.low[here], q.high[here], q.inside[here]
        low[inside == q.first], high[inside == q.last] = -FAR, FAR
        centre = np.zeros(len(rows))
        if v in layout.hints:
            p = layout.hints[v](values, old, len(rows))
            good = np.isfinite(p)
            centre = np.where(good, column.warp(np.where(good, p, 0.0)), 0.0)
            out[:, place[HINT, v]] = np.clip(centre, -4.0, 4.0)
        out[:, f + i] = low - centre
        out[:, f + n + i] = high - low
        out[:, f + 2 * n + i] = q.spike[here]
        out[:, f + 3 * n + i] = repeat
        out[:, f + 4 * n + i] = ~table.missing[rows, v] & (q.k == q.inside)[here]
    return out
