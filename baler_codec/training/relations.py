"""Exact linear relations between columns: sums, copies, constants. Found by least squares, kept only when they hold."""

from __future__ import annotations

import numpy as np

from .lattices import Float
from .prepare import Table

Relation = tuple[float, list[tuple[int, float]]]
MOST_TERMS = 64


def find(table: Table, rows: int = 20_000) -> dict[int, Relation]:
    """Relations of a table, by derived column: constant and terms.

    In a group of columns that determine each other, the one is derived that is a sum of the others (errors then
    do not grow), else the last.
    """
    count = table.values.shape[1]
    keep = np.flatnonzero(~table.missing.all(1))
    # every so-many-th row: the rows of one event may hide what only holds within it
    sample = keep[:: max(1, len(keep) // (rows if count <= 200 else 4000))]
    x = table.values[sample]
    relations: dict[int, Relation] = {
        j: (c.constant, []) for j, c in enumerate(table.columns) if c.constant is not None
    }
    free = [j for j in range(count) if j not in relations]
    if len(sample) < 2 * len(free) + 20 and len(sample) < 200:
        return relations
    first = _eliminate(x, free, table)
    late = {_sum_of_others(j, terms) for j, (_, terms) in first.items()}
    found = _eliminate(x, [j for j in free if j not in late] + [j for j in free if j in late], table)
    return relations | found


def _sum_of_others(derived: int, terms: list[tuple[int, float]]) -> int:
    """Choose the member of a relation that is a sum of all others with positive weights, else the derived one."""
    if all(c > 0 for _, c in terms):
        return derived
    for column, coefficient in terms:
        # x_d = c x_c + rest  <=>  x_c = (x_d - rest) / c
        others = [1.0 / coefficient] + [-c / coefficient for k, c in terms if k != column]
        if all(c > 0 for c in others):
            return column
    return derived


def _eliminate(x: Float, order: list[int], table: Table) -> dict[int, Relation]:
    """Go through the columns, keep a basis, and report every column that lies in its span."""
    rows = len(x)
    mean = x.mean(0)
    scale = np.abs(x - mean).max(0)
    scale[scale == 0] = 1.0
    basis: list[int] = []
    q = np.empty((rows, min(rows, len(order))))
    relations: dict[int, Relation] = {}
    for j in order:
        v = (x[:, j] - mean[j]) / scale[j]
        n = len(basis)
        r = v.copy()
        for _ in range(2):
            r -= q[:, :n] @ (q[:, :n].T @ r)
        size = float(np.linalg.norm(r))
        if n and size <= 1e-4 * float(np.linalg.norm(v)):
            relation = _solve(x, j, basis, mean, scale, table)
            if relation is not None:
                relations[j] = relation
                continue
        if size > 1e-9 * float(np.linalg.norm(v)) and n < q.shape[1] - 1:
            q[:, n] = r / size
            basis.append(j)
    return relations


def _solve(x: Float, j: int, basis: list[int], mean: Float, scale: Float, table: Table) -> Relation | None:
    """Coefficients of a column on the basis, rounded where that does no harm; None when they do not hold everywhere."""
    a = (x[:, basis] - mean[basis]) / scale[basis]
    y = (x[:, j] - mean[j]) / scale[j]
    coefficient = np.linalg.lstsq(a, y, rcond=None)[0]
    live = np.flatnonzero(np.abs(coefficient) > 1e-4)
    if len(live) > MOST_TERMS or len(live) == 0:
        return None
    columns = [basis[i] for i in live]
    # again on the few that matter, in the columns' own units and with a constant
    fit = np.linalg.lstsq(np.column_stack([a[:, live], np.ones(len(a))]), y, rcond=None)[0]
    raw = fit[:-1] * scale[j] / scale[columns]
    nice = np.array([_nice(c) for c in raw])
    constant = float(mean[j] + fit[-1] * scale[j] - (raw * mean[columns]).sum())
    tidy = float(np.median(x[:, j] - x[:, columns] @ nice))
    tidy = _nice(tidy) if abs(tidy) > 1e-6 * scale[j] else 0.0
    for constant_, terms in ((tidy, nice), (constant, raw)):
        if _holds(table, j, constant_, columns, terms):
            return constant_, [(c, float(t)) for c, t in zip(columns, terms, strict=True) if t != 0.0]
    return None


def _nice(c: float) -> float:
    for denominator in (1, 2, 3, 4, 5, 8, 10, 16, 100, 1000):
        near = round(c * denominator) / denominator
        if near != 0 and abs(near - c) < 1e-3 * abs(near):
            return near
    return c


def _holds(table: Table, j: int, constant: float, columns: list[int], terms: Float) -> bool:
    """Whether the relation is true in every row (but for a few: the coder has an escape) within float rounding."""
    good = ~(table.missing[:, j] | table.missing[:, columns].any(1))
    if good.sum() < 2:
        return False
    x = table.values[good]
    parts = x[:, columns] * terms
    size = np.abs(parts).sum(1) + abs(constant) + np.abs(x[:, j])
    eps = np.finfo(table.dtype).eps if table.dtype.kind == "f" else 2.0**-52
    off = np.abs(x[:, j] - parts.sum(1) - constant) > (4 + len(columns)) * eps * size
    # the target must be worth more than its rounding: a difference of large numbers says nothing
    sharp = np.abs(x[:, j]).max() > 64 * eps * size.max() or np.abs(x[:, j]).max() == 0
    return bool(off.mean() <= 1e-4 and sharp)
