"""The raster scan of a grid as training needs it (docs/format.md, sections 12.1 and 12.4): neighbours, predictions.

Groups do not feed misses back: the network sees them itself, and does more with them.

The indices are those of the format; the weights and scales are fitted as the native encoder does it, near enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .lattices import Float, Int

Offset = tuple[int, int, int, int]
Extents = tuple[int, int, int, int]

# fmt: off
TAPS: tuple[Offset, ...] = (
    (0, 0, 0, -1), (0, 0, -1, 0), (0, 0, -1, -1), (0, 0, -1, 1), (0, 0, 0, -2), (0, 0, -2, 0), (0, -1, 0, 0),
    (0, -1, 0, -1), (0, -1, -1, 0), (0, -1, 0, 1), (0, -1, 1, 0), (0, -1, -1, -1), (0, -2, 0, 0), (-1, 0, 0, 0),
    (0, -1, -1, 1), (0, -1, 1, -1), (0, -1, 1, 1), (0, 0, -1, -2), (0, 0, -1, 2), (0, 0, -2, -1), (0, 0, -2, 1),
    (0, 0, 0, -3), (-1, 0, 0, -1), (-1, 0, -1, 0), (-1, 0, 0, 1), (-1, 0, 1, 0), (-1, -1, 0, 0), (-1, 0, -1, -1),
    (-1, -1, 0, -1), (-1, -1, -1, 0), (-1, -1, -1, -1), (-2, 0, 0, 0), (0, 0, 0, -4), (0, 0, 0, -5), (0, 0, 0, -6),
)
# fmt: on
LONG = 32  # the taps behind are for series alone
NEAR, MID, WIDE = 2, 8, 13
NO_RECORD = 16
MOST_RECORD = 65535
SAMPLES = 20_000  # cells that a fit looks at
MOST_EXPECTED = MOST_MISS = 1 << 30


@dataclass(frozen=True)
class Group:
    """Cells with the same list of taps: where they are, and where each tap of each is (-1: nowhere)."""

    cells: Int
    taps: tuple[Offset, ...]
    at: npt.NDArray[np.int32]  # (taps, cells)


@dataclass
class Predicted:
    """What both sides know about every cell before it is coded, in the order of the cells."""

    p: Int  # in 256ths
    expected: Int  # E, in 1/16 of a step
    miss: Int  # S, in 256ths


def taps_of(extents: Extents, v: int, t: int) -> tuple[Offset, ...]:
    """List the taps of the raster's group of (v, t)."""
    series = extents[0] == extents[1] == extents[2] == 1
    return tuple(
        o
        for o in (TAPS if series else TAPS[:LONG])
        if all(n > 1 or part == 0 for n, part in zip(extents, o, strict=True)) and o[1] >= -t and (o[0] >= 0 or v)
    )


@lru_cache(maxsize=4)
def groups_of(extents: Extents) -> tuple[Group, ...]:
    """Find the groups of a grid, and where the taps of every cell are."""
    position = np.indices(extents).reshape(4, -1)
    stride = _strides(extents)
    number = 3 * np.minimum(position[0], 1) + np.minimum(position[1], 2)
    found = []
    for g in np.unique(number):
        cells = np.flatnonzero(number == g)
        taps = taps_of(extents, int(g) // 3, int(g) % 3)
        found.append(Group(cells, taps, _locate(extents, taps, position[:, cells], cells, stride)))
    return tuple(found)


def _strides(extents: Extents) -> Int:
    return np.array([int(np.prod(extents[d + 1 :])) for d in range(4)], np.int64)


def _locate(extents: Extents, taps: tuple[Offset, ...], at: Int, cells: Int, stride: Int) -> npt.NDArray[np.int32]:
    size = np.array(extents)[:, None]
    offset = np.array(taps, np.int64).reshape(-1, 4)
    leaves = np.zeros((len(taps), len(cells)), np.uint8)  # bit d: the tap leads outside along axis d
    for d in range(4):
        for i, part in enumerate(offset[:, d]):
            if part:
                place = at[d] + part
                leaves[i] |= ((place < 0) | (place >= size[d])).astype(np.uint8) << d
    inside = leaves == 0
    first = np.full(len(cells), -1, np.int64)
    for i in range(len(taps) - 1, -1, -1):
        first = np.where(inside[i], cells + stride @ offset[i], first)
    where = np.where(inside, cells + (offset @ stride)[:, None], first)
    index = {tap: i for i, tap in enumerate(taps)}
    for i, tap in enumerate(taps):
        for mask in np.unique(leaves[i]):
            other = index.get(tuple(-p if mask >> d & 1 else p for d, p in enumerate(tap)))  # type: ignore[arg-type]
            if mask and other is not None:
                use = (leaves[i] == mask) & inside[other]
                where[i, use] = cells[use] + stride @ offset[other]
    return where.astype(np.int32)


def values_at(u: Int, group: Group) -> Int:
    """Return the u of the taps (taps × cells); those that are nowhere have the u of the cell before."""
    return np.where(group.at >= 0, u[np.maximum(group.at, 0)], values_before(u, group.cells))


def predict(u: Int, coded: npt.NDArray[np.bool_], extents: Extents, rng: np.random.Generator) -> Predicted:
    """Fit what a chunk's plan holds, and predict every cell."""
    low, high = int(u[coded].min()), int(u[coded].max())
    p = np.zeros(len(u), np.int64)
    groups = groups_of(extents)
    neighbours = [values_at(u, g) for g in groups]
    for group, v in zip(groups, neighbours, strict=True):
        w = _weights(u, coded, group, v, rng)
        raw = (v[0] << 8) + ((w @ (v[1:] - v[0]) + 128) >> 8) if len(v) else values_before(u, group.cells) << 8
        p[group.cells] = np.clip(raw, low << 8, high << 8)
    miss = np.where(coded, np.clip((u << 8) - p, -MOST_MISS, MOST_MISS), 0)
    record = np.minimum(np.abs(miss) >> 4, MOST_RECORD)
    expected = np.zeros(len(u), np.int64)
    for group, v in zip(groups, neighbours, strict=True):
        f = _features(record, group, v, p[group.cells])
        a = _scales(f, record[group.cells], coded[group.cells], rng)
        expected[group.cells] = np.minimum((a @ f) >> 12, MOST_EXPECTED)
    return Predicted(p, expected, miss)


def values_before(u: Int, cells: Int) -> Int:
    """Return the u of the cells before these."""
    return np.where(cells > 0, u[np.maximum(cells - 1, 0)], 0)


def _sample(usable: Int, rng: np.random.Generator) -> Int:
    return usable if len(usable) <= SAMPLES else rng.choice(usable, SAMPLES, replace=False)


def _weights(u: Int, coded: npt.NDArray[np.bool_], group: Group, v: Int, rng: np.random.Generator) -> Int:
    """Robust weighted least squares, in 65536ths."""
    default = np.array([0.0 if min(o) < -1 or max(o) > 0 else -((-1.0) ** -sum(o)) for o in group.taps[1:]])
    m = len(default)
    usable = np.flatnonzero(coded[group.cells])
    if m < 1 or len(usable) < 60 * m:
        w: Int = np.rint(65536 * default).astype(np.int64)
        return w
    some = _sample(usable, rng)
    d = (v[1:, some] - v[0, some]).T.astype(np.float64)
    return _regression(d, (u[group.cells[some]] - v[0, some]).astype(np.float64), default)


def _regression(d: Float, y: Float, default: Float) -> Int:
    activity = np.abs(d[:, :7]).sum(1)
    weight = 1 / (1 + 0.02 * activity**2)
    x = default
    for _ in range(3):
        a = (d * weight[:, None]).T @ d
        ridge = 1e-5 * np.trace(a) / len(x) + 1e-9
        b = (d * weight[:, None]).T @ y + ridge * default
        solved: Float = np.linalg.solve(a + ridge * np.eye(len(x)), b)
        if not (np.abs(solved) < 7.9).all():
            break
        x = solved
        e = np.abs(y - d @ x)
        slope = e.sum() / (activity + 1).sum()
        weight = 1 / ((0.4 + slope * activity) ** 2 + 0.5 * e**2)
    w: Int = np.rint(65536 * x).astype(np.int64)
    return w


def _features(record: Int, group: Group, v: Int, p: Int) -> Int:
    """Return f_0 … f_6 of a group's cells."""
    f = np.zeros((7, len(group.cells)), np.int64)
    f[6] = 1
    r = np.where(group.at >= 0, record[np.maximum(group.at, 0)], NO_RECORD)
    for j, (first, end) in enumerate(((0, NEAR), (NEAR, MID), (MID, WIDE))):
        f[j] = np.minimum(np.abs((v[first:end] << 8) - p) >> 4, 1 << 24).sum(0)
        f[3 + j] = r[first:end].sum(0)
    return f


def _scales(f: Int, record: Int, coded: npt.NDArray[np.bool_], rng: np.random.Generator) -> Int:
    """Non-negative relative least squares of what predictions miss by, in 4096ths."""
    default = np.array([256, 85, 0, 512, 170, 0, 1024])
    usable = np.flatnonzero(coded)
    if len(usable) < 400:
        return default
    some = _sample(usable, rng)
    x: Float = default / 4096
    rows, y = f[:, some].T.astype(np.float64), record[some].astype(np.float64)
    for _ in range(3):
        level = rows @ x + 2
        w = 1 / level**2
        a = (rows * w[:, None]).T @ rows
        b = (rows * w[:, None]).T @ np.minimum(y, 6 * level)
        live = np.diag(a) > 0
        while live.any():
            part = a[np.ix_(live, live)]
            x = np.zeros(7)
            x[live] = np.linalg.solve(part + np.diag(1e-4 * np.diag(part)), b[live])
            if (x >= 0).all():
                break
            live[int(np.argmin(x))] = False
    found: Int = np.clip(np.rint(4096 * x), 0, (1 << 20) - 1).astype(np.int64)
    return found
