"""Finding hints: columns that are about a sum, difference, product or ratio of a few others.

Exact linear relations are found elsewhere; here it is what holds well enough to say where a value lies. A candidate is
measured in the column's own warp, as the spread of what is left, and kept when it beats what a straight line on the
warped columns can do: that much the networks learn by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .hints import COLUMN, DIV, MUL, Hint, linear
from .lattices import Float, Int
from .prepare import Table
from .relations import Relation

ROWS = 8000
MOST_TERMS = 6
MOST_COLUMNS = 64  # wider tables are not searched
PAYS = 1.0  # bits a row that a hint must promise


def search(table: Table, relations: dict[int, Relation], wish: Sequence[int] | None) -> list[Hint]:
    """Look for hints; no two of those found need each other."""
    columns = table.columns
    free = [j for j in range(table.n_columns) if j not in relations and columns[j].span > 0]
    if len(free) > MOST_COLUMNS or len(table.values) < 500:
        return []
    rows = np.arange(0, len(table.values), max(1, len(table.values) // (2 * ROWS)))
    fit, test = rows[0::2], rows[1::2]
    needs: dict[int, set[int]] = {}
    found: list[tuple[float, Hint]] = []
    targets = [j for j in free if columns[j].distinct > 64]
    for j in targets:
        if wish is not None and j in wish:
            earlier = [i for i in free if i in wish and list(wish).index(i) < list(wish).index(j)]
        else:
            earlier = [i for i in free if i != j]
        found += [(gain, h) for gain, h in _candidates(table, j, earlier, fit, test) if gain > PAYS]
    kept: list[Hint] = []
    for _, hint in sorted(found, key=lambda pair: -pair[0]):
        if hint.variable in needs or _reaches(needs, hint.sources, hint.variable):
            continue
        needs[hint.variable] = set(hint.sources)
        kept.append(hint)
    return kept


def _reaches(needs: dict[int, set[int]], start: Sequence[int], goal: int) -> bool:
    """Whether `goal` is needed, directly or not, by one of `start`."""
    pending, seen = list(start), set()
    while pending:
        j = pending.pop()
        if j == goal:
            return True
        if j not in seen:
            seen.add(j)
            pending += needs.get(j, ())
    return False


def _candidates(table: Table, j: int, earlier: list[int], fit: Int, test: Int) -> list[tuple[float, Hint]]:
    x, column = table.values, table.columns[j]
    names = [c.name for c in table.columns]
    live = test[(~table.missing[test, j]) & (x[test, j] != (np.nan if column.spike is None else column.spike))]
    if len(live) < 100 or not earlier:
        return []
    z = column.warp(x[live, j])
    # what straight lines on the warped columns give
    warped = np.column_stack([table.columns[i].warp(x[live, i]) for i in earlier] + [np.ones(len(live))])
    base = _spread(z - warped @ np.linalg.lstsq(warped, z, rcond=None)[0])
    result = []

    def offer(hint: Hint) -> None:
        p = hint({i: x[live, i] for i in hint.sources}, {}, len(live))
        good = np.isfinite(p)
        if good.mean() > 0.9:
            left = _spread(column.warp(np.where(good, p, 0.0)) - z)
            result.append((float(np.log2(base / left)), hint))

    terms = _sparse(x[fit][:, earlier], x[fit, j])
    if terms:
        offer(linear(j, 0.0, [(earlier[i], c) for i, c in terms], names))
    if len(earlier) <= 24:
        for op, a, b in _pairs(x[live][:, earlier], x[live, j]):
            program = ((COLUMN, float(earlier[a])), (COLUMN, float(earlier[b])), (op, 0.0))
            sign = "*" if op == MUL else "/"
            text = f"{_quoted(names[j])} = {_quoted(names[earlier[a]])} {sign} {_quoted(names[earlier[b]])}"
            offer(Hint(j, program, text))
    return result


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"col({name!r})"


def _spread(r: Float) -> float:
    """Scale of what is left, as a code feels it: the typical size, not the largest."""
    return float(np.exp(np.mean(np.log(np.abs(r) + 1e-5))))


def _sparse(a: Float, y: Float) -> list[tuple[int, float]]:
    """Greedy regression: up to six columns, coefficients rounded to ±1 where that is as good."""
    scale = np.abs(a).max(0)
    usable = np.flatnonzero(scale > 0)
    chosen: list[int] = []
    rest = y.astype(np.float64)
    total = float(np.median(np.abs(rest)) + 1e-300)
    coefficients: Float = np.zeros(0)
    for _ in range(MOST_TERMS):
        score = np.array([abs(_slope(a[:, i], rest)[1]) if i not in chosen else -1.0 for i in usable])
        if len(score) == 0 or score.max() <= 0.05:
            break
        chosen.append(int(usable[int(score.argmax())]))
        coefficients = np.asarray(np.linalg.lstsq(a[:, chosen], y, rcond=None)[0], np.float64)
        rest = y - a[:, chosen] @ coefficients
        if np.median(np.abs(rest)) < 1e-6 * total:
            break
    if not chosen:
        return []
    tidy = np.where(np.abs(np.abs(coefficients) - 1.0) < 0.1, np.sign(coefficients), coefficients)
    if np.median(np.abs(y - a[:, chosen] @ tidy)) <= 1.2 * np.median(np.abs(rest)):
        coefficients = tidy
    return [(i, float(c)) for i, c in zip(chosen, coefficients, strict=True) if abs(c) > 1e-9]


def _slope(x: Float, y: Float) -> tuple[float, float]:
    """Slope and correlation through the origin."""
    xx, yy = float(x @ x), float(y @ y)
    xy = float(x @ y)
    return (xy / xx if xx > 0 else 0.0), (xy / np.sqrt(xx * yy) if xx > 0 and yy > 0 else 0.0)


def _pairs(a: Float, y: Float) -> list[tuple[int, int, int]]:
    """List the product and the ratio of two columns that are nearest to the target."""
    n = a.shape[1]
    size = float(np.median(np.abs(y)) + 1e-300)
    best: list[tuple[float, tuple[int, int, int]]] = []
    with np.errstate(all="ignore"):
        for i in range(n):
            for k in range(n):
                if k > i:
                    off = np.median(np.abs(np.nan_to_num(a[:, i] * a[:, k], nan=np.inf) - y))
                    best.append((float(off), (MUL, i, k)))
                if k != i:
                    off = np.median(np.abs(np.nan_to_num(a[:, i] / a[:, k], nan=np.inf) - y))
                    best.append((float(off), (DIV, i, k)))
    best.sort(key=lambda pair: pair[0])
    return [pair[1] for pair in best[:2] if pair[0] < 0.3 * size]
