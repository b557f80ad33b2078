"""What a table's columns are: ranges, spikes, lattices of their own, repeats, constants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bound import finite_range
from . import warp
from .lattices import DType, Float

SPIKE_SHARE = 0.02
REPEAT_SHARE = 0.05
SAMPLE = 200_000


@dataclass
class Column:
    """Facts about one column (or latent) that do not depend on a bound."""

    name: str
    lo: float
    hi: float
    spike: float | None
    unit: float
    noise: float
    repeats: bool
    warp: warp.Warp
    distinct: int
    constant: float | None = None  # the only value of a column that has one
    span: float = 0.0  # of the training data, without margins
    positive: bool = False
    share: float = 0.0  # of the spike
    least: float = 0.0  # of the training data, without what looks like a fill value
    greatest: float = 0.0


@dataclass
class Table:
    """Training data as float64 columns, NaN replaced by the value of the row before, with what was found out."""

    columns: list[Column]
    values: Float  # rows x columns, finite
    missing: npt.NDArray[np.bool_]  # rows x columns: exceptions, which cost and teach nothing
    dtype: DType
    n_columns: int  # what follows them are latents


def integral(column: Column) -> bool:
    """Whether a column holds whole numbers."""
    return column.unit >= 1.0 and column.unit == math.floor(column.unit)


def analyse(array: npt.NDArray[Any], names: list[str], seed: int = 0) -> Table:
    """Look at every column of a two-dimensional array."""
    values = np.asarray(array, np.float64).copy(order="F")
    missing = ~np.isfinite(values)
    if array.dtype.kind == "f":
        missing |= (values == 0) & np.signbit(values)
    _fill(values, missing)
    columns = [_column(names[j], values[:, j], missing[:, j], array.dtype, seed) for j in range(values.shape[1])]
    return Table(columns, values, missing, array.dtype, len(columns))


def _fill(values: Float, missing: npt.NDArray[np.bool_]) -> None:
    """Give masked cells the value of the row before, 0 in the first row, as the coder does."""
    rows = np.arange(len(values))
    for j in np.flatnonzero(missing.any(0)):
        source = np.maximum.accumulate(np.where(missing[:, j], -1, rows))
        values[:, j] = np.where(source < 0, 0.0, values[np.maximum(source, 0), j])


def _column(
    name: str,
    values: Float,
    missing: npt.NDArray[np.bool_],
    dtype: DType,
    seed: int,
) -> Column:
    x = values[~missing]
    if len(x) == 0:
        x = np.zeros(1)
    part = x[:: max(1, len(x) // SAMPLE)]
    distinct, counts = np.unique(part, return_counts=True)
    unit, noise = find_unit(distinct, dtype, len(part))
    if unit > 0 and len(part) < len(x):
        noise = max(noise, _off_lattice(x, unit))
        if noise > 1e-3 * unit:
            unit = noise = 0.0
    lo, hi = float(x.min()), float(x.max())
    spike, share = _spike(distinct, counts)
    constant = lo if lo == hi else None
    if constant is not None:
        spike = None
    rest = part if spike is None else part[part != spike]
    fitted = warp.fit(rest, unit, seed)
    low, high = _margins(lo, float(np.median(part)), hi, unit, dtype)
    repeats = _repeats(values, missing, counts, len(part))
    least, greatest = finite_range(x)
    return Column(
        name,
        low,
        high,
        spike,
        unit,
        noise,
        repeats,
        fitted,
        len(distinct),
        constant,
        greatest - least,
        lo >= 0,
        share,
        least,
        greatest,
    )


def _spike(distinct: Float, counts: npt.NDArray[np.int64]) -> tuple[float | None, float]:
    """One value that is much more frequent than those around it."""
    total = counts.sum()
    best = int(counts.argmax())
    zero = np.flatnonzero(distinct == 0)
    if len(zero) and counts[zero[0]] > SPIKE_SHARE * total and counts[zero[0]] >= 0.3 * counts[best]:
        best = int(zero[0])
    share = float(counts[best] / total)
    return (float(distinct[best]), share) if share > SPIKE_SHARE and total >= 20 else (None, 0.0)


def _margins(lo: float, middle: float, hi: float, unit: float, dtype: DType) -> tuple[float, float]:
    """Range of the values that get a cell: the data's own and half as much again, without change of sign."""
    least = 10 * unit if unit > 0 else 0.0
    below, above = max(0.5 * middle - 0.5 * lo, least), max(0.5 * hi - 0.5 * middle, least)
    low = lo - below if lo < 0 else max(0.0, lo - below)
    high = hi + above if hi > 0 else min(0.0, hi + above)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        low, high = max(low, float(info.min)), min(high, float(info.max))
    else:
        limits = np.finfo(dtype)
        low, high = max(low, float(limits.min)), min(high, float(limits.max))
    if unit > 0:
        low, high = math.ceil(low / unit) * unit, math.floor(high / unit) * unit
    return min(low, lo), max(high, hi)


def _repeats(values: Float, missing: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64], total: int) -> bool:
    """Whether a value follows itself clearly more often than chance would have it."""
    if len(values) < 50:
        return False
    rate = float((values[1:] == values[:-1])[~missing[1:]].mean()) if not missing[1:].all() else 0.0
    chance = float(((counts / total) ** 2).sum())
    return rate - chance > REPEAT_SHARE and rate > REPEAT_SHARE + chance * 1.2


def _off_lattice(x: Float, unit: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.abs(x - np.rint(x / unit) * unit).max())


def find_unit(distinct: Float, dtype: DType, rows: int) -> tuple[float, float]:
    """Find the step of a column whose values are all multiples of it: (unit, how far values lie off it)."""
    if np.abs(distinct).max(initial=0.0) < 2.0**53 and np.all(distinct == np.rint(distinct)):
        return 1.0, 0.0
    if dtype.kind != "f" or len(distinct) < 2:
        return 0.0, 0.0
    power = _power_of_two(distinct, dtype)
    if power:
        return power, 0.0
    # few levels, seen often: a lattice with a step that is no power of two
    if not 2 < len(distinct) <= 4096 or rows < 20 * len(distinct):
        return 0.0, 0.0
    step = float(np.diff(distinct).min())
    largest = float(np.abs(distinct).max())
    if step <= 64 * np.finfo(dtype).eps * largest:
        return 0.0, 0.0
    for _ in range(30):
        k = np.rint(distinct / step)
        step = float((distinct * k).sum() / (k * k).sum())
    noise = _off_lattice(distinct, step)
    # float rounding and little else; the levels must be crowded, or any set of numbers would do
    if noise > 1e-3 * step or largest / step > 50 * len(distinct):
        return 0.0, 0.0
    return step, 2.0 * noise


def _power_of_two(distinct: Float, dtype: DType) -> float:
    """Largest power of two that divides all values, if they are then small integers; else 0."""
    largest = float(np.abs(distinct).max())
    if largest == 0 or not math.isfinite(largest):
        return 0.0
    exponent = math.floor(math.log2(largest))
    for e in range(exponent, exponent - 21, -1):
        with np.errstate(all="ignore"):
            scaled = distinct * 2.0**-e
        if np.all(scaled == np.rint(scaled)):
            # floats near their own precision are multiples of some power of two: no finding
            return 2.0**e if e > exponent - min(20, np.finfo(dtype).nmant - 4) else 0.0
    return 0.0


def with_latents(table: Table, latents: npt.NDArray[np.int64], reach: list[tuple[int, int]] | None = None) -> Table:
    """Return the table with latents as further columns; `reach` are limits in place of those of the data."""
    values = latents.astype(np.float64)
    columns = list(table.columns)
    for i in range(values.shape[1]):
        x = values[:, i]
        lo, hi = float(x.min()), float(x.max())
        margin = math.ceil(0.1 * (hi - lo)) + 2
        least, greatest = (lo - margin, hi + margin) if reach is None else reach[i]
        low, high = max(least, -16383.0), min(greatest, 16383.0)
        fitted = warp.fit(x[:: max(1, len(x) // SAMPLE)], 1.0)
        columns.append(Column(f"latent {i}", low, high, None, 1.0, 0.0, False, fitted, 2, None, hi - lo))
    missing = np.concatenate([table.missing, np.zeros(values.shape, bool)], 1)
    return Table(
        columns, np.asfortranarray(np.concatenate([table.values, values], 1)), missing, table.dtype, table.n_columns
    )
