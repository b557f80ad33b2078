"""Section 5.3: rows under the built-in model."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .entropy import BLOCK, Bits, Rans, lanes_for
from .lattice import Lattice
from .plan import Factor, Planned, read_plan
from .reader import CorruptDataError, Reader, wrap64
from .side import parts

Mask = NDArray[np.bool_] | None


def decode(
    shape: Sequence[int], lattices: Sequence[Lattice], masks: Sequence[Mask], reader: Reader
) -> list[NDArray[np.int64]]:
    """k of every column; `shape`: (rows, columns) of a table, or the axes of a grid, slowest first."""
    columns = len(lattices)
    rows = math.prod(shape) // columns
    axes = [n for n in shape if n > 1] if columns == 1 else []
    axes = axes or [rows]
    lanes = lanes_for(rows)
    side, symbols, bit_bytes = parts(reader, lanes)
    plan = read_plan(side, rows, columns, len(axes))
    decoder = _Rows(plan, rows, masks, symbols, Bits(bit_bytes))
    result: dict[int, list[int]] = {}
    for planned in plan:
        mask = masks[planned.column]
        masked = mask.tolist() if mask is not None else [False] * rows
        if planned.constant is not None:
            k = [planned.constant] * rows
        else:
            residuals = decoder.residuals[len(result)]
            u = _untransformed(planned, residuals, masked, axes, result, plan, lattices)
            k = _indices(planned, u, masked, lattices[planned.column])
        for row in range(rows):
            if masked[row]:
                k[row] = k[row - 1] if row else 0
            elif not lattices[planned.column].lowest <= k[row] <= lattices[planned.column].highest:
                raise CorruptDataError("index outside the lattice")
        result[len(result)] = k
    ordered = sorted((planned.column, result[position]) for position, planned in enumerate(plan))
    return [np.array(k, np.int64) for _, k in ordered]


class _Rows:
    """Tokens and residuals of all coded columns, by position; None is the residual of "same" and of masked cells."""

    def __init__(self, plan: list[Planned], rows: int, masks: Sequence[Mask], rans: Rans, bits: Bits) -> None:
        self.plan = plan
        self.tokens = [[0] * rows for _ in plan]
        self.residuals: list[list[int | None]] = [[None] * rows for _ in plan]
        for first in range(0, rows, BLOCK):
            for position, planned in enumerate(plan):
                if planned.constant is None:
                    self._run(position, first, min(first + BLOCK, rows), masks[planned.column], rans, bits)
        rans.finish()
        bits.finish()

    def _run(self, position: int, first: int, end: int, mask: Mask, rans: Rans, bits: Bits) -> None:
        planned, tokens, lanes = self.plan[position], self.tokens[position], len(rans.state)
        unmasked = [row for row in range(first, end) if mask is None or not mask[row]]
        for row in unmasked:
            g0, g1 = (self._group(factor, row) for factor in planned.factors)
            table = planned.tables[planned.map[g0 * planned.sizes[1] + g1]]
            tokens[row] = table.decode(rans, (row - first) % lanes)
        for row in unmasked:
            bin_number = tokens[row] - planned.same
            if bin_number >= 0:
                start, b = planned.bins[bin_number]
                self.residuals[position][row] = wrap64(planned.origin + start + bits.get(b))

    def _group(self, factor: Factor, row: int) -> int:
        if not factor.sources:
            return 0
        groups = []
        for source in factor.sources:
            at = row - source.lag
            token = self.tokens[source.position][at] if at >= 0 else 0
            groups.append(bisect_right(self.plan[source.position].first, token) - 1)
        if not factor.is_score:
            return groups[0]
        numbers = [self.plan[s.position].z[g] for s, g in zip(factor.sources, groups, strict=True)]
        score = sum(w * z for w, z in zip(factor.weights, numbers, strict=True))
        return bisect_right(factor.thresholds, score)


def _untransformed(
    planned: Planned,
    residuals: list[int | None],
    masked: list[bool],
    axes: list[int],
    known: dict[int, list[int]],
    plan: list[Planned],
    lattices: Sequence[Lattice],
) -> list[int]:
    """u from residuals."""
    rows = len(residuals)
    prediction = [0] * rows
    if planned.terms:
        lattice = lattices[planned.column]
        p = np.zeros(rows)
        with np.errstate(all="ignore"):
            for position, coefficient in planned.terms:
                values = lattices[plan[position].column].value(np.array(known[position], np.int64))
                p = p + float(coefficient) * values
        prediction = [lattice.index(x) if math.isfinite(x) else 0 for x in p.tolist()]
    steps = []
    if planned.axes:
        strides = [math.prod(axes[a + 1 :]) for a in range(len(axes))]
        for chosen in product((0, 1), repeat=len(planned.axes)):
            back = [sum(c for c, a in zip(chosen, planned.axes, strict=True) if a == axis) for axis in range(len(axes))]
            if any(chosen):
                steps.append((1 if sum(chosen) % 2 else -1, back))
    u: list[int] = []
    for row, r in enumerate(residuals):
        if r is None:
            u.append(u[-1] if row else 0)
            continue
        total = r + prediction[row]
        for sign, back in steps:
            inside = all(row // stride % n >= b for stride, n, b in zip(strides, axes, back, strict=True))
            if inside:
                total += sign * u[row - sum(b * stride for b, stride in zip(back, strides, strict=True))]
        u.append(wrap64(total))
    return u


def _indices(planned: Planned, u: list[int], masked: list[bool], lattice: Lattice) -> list[int]:
    """k from u, where it is not masked."""
    k = []
    for x, hidden in zip(u, masked, strict=True):
        if hidden:
            k.append(0)
            continue
        v = x
        if planned.affine:
            base, stride = planned.affine
            v = wrap64(base + stride * x)
        elif planned.entries is not None:
            if not 0 <= x < len(planned.entries):
                raise CorruptDataError("entry that is not there")
            v = planned.entries[x]
        if planned.scale is not None:
            if abs(v) > 1 << 53:
                raise CorruptDataError("value beyond 2^53")
            v = lattice.index(math.ldexp(float(v), -planned.scale))
        k.append(v)
    return k
