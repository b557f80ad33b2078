"""Section 7.4: what the networks see of a slice of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import hints
from .cells import Cells, big_z, width
from .lattice import Lattice
from .model_file import HINT, LATENT_RAW, REPEAT, SPIKE, WIDTH, Z_BEFORE, Model, Net, Z

Ints = NDArray[np.int64]


def z_feature(cells: Cells, k: Ints) -> Ints:
    k_in = np.clip(k, cells.k0, cells.k1)
    b = np.searchsorted(np.array(cells.start), k_in, side="right") - 1
    w, ze = np.array(cells.w)[b], np.array(cells.ze)
    v = np.minimum(w, 14)
    o = (k_in - np.array(cells.start)[b]) >> (w - v)
    z14 = ze[b] + (((ze[b + 1] - ze[b]) * (2 * o + 1)) >> (v + 1))
    z = np.clip((z14 + 2) >> 2, -16384, 16384)
    return z if cells.ks is None else np.where(k == cells.ks, -16384, z)


def raw_latent(k: Ints, shift: int) -> Ints:
    raw: Ints = np.clip(np.clip(k, -32767, 32767) << shift, -32767, 32767)
    return raw


class Features:
    """Features of one slice; k of earlier variables, and of the whole row before, is there when they are asked for."""

    def __init__(self, model: Model, lattices: Sequence[Lattice], cells: dict[int, Cells], k: list[Ints]) -> None:
        self.model, self.lattices, self.cells, self.k = model, lattices, cells, k
        self.rows: Ints = np.zeros(0, np.int64)
        self.first = True
        self.known: dict[tuple[int, int, int], Ints] = {}

    def begin(self, rows: Ints, first: bool) -> None:
        """Go to a slice; `first`: its rows have no row before."""
        self.rows, self.first = rows, first
        self.known = {key: column[: len(rows)] for key, column in self.known.items() if key[0] == WIDTH}

    def before(self, variable: int) -> Ints:
        """k of the row before; 0 where there is none."""
        return np.zeros(len(self.rows), np.int64) if self.first else self.k[variable][self.rows - 1]

    def value(self, column: int) -> NDArray[np.float64]:
        return self.lattices[column].value(self.k[column][self.rows])

    def value_before(self, column: int) -> NDArray[np.float64]:
        if self.first:
            return np.full(len(self.rows), np.nan)
        return self.lattices[column].value(self.before(column))

    def hint(self, variable: int) -> tuple[Ints, Ints]:
        """Zh and its feature."""
        p = hints.run(self.model.hints[variable], self.value, self.value_before, len(self.rows)).tolist()
        v = self.model.variables[variable]
        finite = [abs(x) < float("inf") for x in p]
        zh = np.array([big_z(v, x) if f else 0 for x, f in zip(p, finite, strict=True)], np.int64)
        return zh, np.where(finite, np.clip((zh + 2) >> 2, -16384, 16384), 0)

    def inputs(self, net: Net) -> Ints:
        columns = []
        for key in net.inputs:
            if key not in self.known:
                self.known[key] = self._input(*key)
            columns.append(self.known[key])
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.rows), 0), np.int64)

    def _input(self, kind: int, shift: int, variable: int) -> Ints:
        k = self.k[variable][self.rows]
        if kind == Z:
            return z_feature(self.cells[variable], k)
        if kind == SPIKE:
            ks = self.cells[variable].ks
            return np.zeros_like(k) if ks is None else np.where(k == ks, 8192, 0)
        if kind == REPEAT:
            return np.where(k == self.before(variable), 8192, 0)
        if kind == HINT:
            return self.hint(variable)[1]
        if kind == LATENT_RAW:
            return raw_latent(k, shift)
        if kind == Z_BEFORE:
            return np.zeros_like(k) if self.first else z_feature(self.cells[variable], self.before(variable))
        assert kind == WIDTH
        return np.full(len(k), width(self.model.variables[variable], self.lattices[variable]))
