"""The check of `baler verify`: every value of a compressed file against the original."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import native
from ..bound import ErrorBound
from ..errors import BalerError, ShapeError
from ..io import Source, open_source
from ..io.frames import open_stored
from ..record_bounds import bounds_of, ranges_of, values_of
from ..records import leaf_names, record_of
from .bounds import parse, parse_fields
from .fields import bounds_by_name, bounds_of_columns
from .report import find_model


@dataclass
class Column:
    """What was found in one column (or in the whole array)."""

    name: str
    bound: str
    values: int = 0
    max_error: float = 0.0
    of_bound: float = 0.0  # the largest error as a share of what is allowed
    outside: int = 0
    special: int = 0  # NaN, infinities and minus zeros of the original
    first_outside: int | None = None
    # only without a bound: sums over the values whose original is not 0 (response) and over all (residual)
    residual_mean: float = 0.0
    residual_rms: float = 0.0
    response_mean: float = 0.0
    response_rms: float = 0.0


@dataclass
class Comparison:
    """The result; `status` is the exit status."""

    columns: list[Column]
    latent: bool

    @property
    def status(self) -> int:
        """0 all inside, 1 something outside, 3 nothing was promised."""
        return 3 if self.latent else int(any(c.outside for c in self.columns))

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        states = {0: "inside", 1: "outside", 3: "no bound: latent-only"}
        return {"result": states[self.status], "columns": [asdict(c) for c in self.columns]}

    def text(self) -> str:
        """Return a table for people."""
        width = max(len(c.name) for c in self.columns)
        if self.latent:
            head = f"{'column':{width}}  {'residual mean':>14} {'rms':>12}  {'response mean':>14} {'rms':>12}"
            rows = [
                f"{c.name:{width}}  {c.residual_mean:14.6g} {c.residual_rms:12.6g}  "
                f"{c.response_mean:14.6g} {c.response_rms:12.6g}"
                for c in self.columns
            ]
            return "\n".join(["no bound: latent-only", head, *rows])
        head = f"{'column':{width}}  {'bound':18} {'max error':>12} {'of bound':>9}  {'NaN Inf -0':>10}  outside"
        rows = [
            f"{c.name:{width}}  {c.bound:18} {c.max_error:12.6g} {c.of_bound:9.4f}  {c.special:10}  {c.outside}"
            + (f" (first in row {c.first_outside})" if c.outside else "")
            for c in self.columns
        ]
        count = sum(c.values for c in self.columns)
        outside = sum(c.outside for c in self.columns)
        verdict = (
            f"{outside} of {count} values are OUTSIDE" if outside else f"all {count} values are inside their bound"
        )
        return "\n".join([head, *rows, verdict])


def compare(original: Source, compressed: str, bound: str | None) -> Comparison:
    """Compare a compressed file with its original, value by value.

    Parameters
    ----------
    original : Source
        The data that were compressed.
    compressed : str
        ``FILE[:OBJECT]``.
    bound : str, optional
        Bounds to check instead of those the file states.
    """
    if original.dtype.names is not None:
        return _compare_records(original, compressed, bound)
    names = original.names
    with open_source(compressed) as decoded:
        if decoded.shape != original.shape or decoded.dtype.newbyteorder("=") != original.dtype.newbyteorder("="):
            raise ShapeError(
                f"{compressed} holds {decoded.dtype} {decoded.shape}, the original {original.dtype} {original.shape}: "
                "these are not the same data"
            )
        wanted = parse(bound, names) if bound else stated_bounds(compressed, len(names))
        if isinstance(wanted, dict):
            wanted = list(wanted.values())
        table = isinstance(wanted, list)
        bounds = wanted if isinstance(wanted, list) else [wanted]
        if len(bounds) == 1 and names:
            bounds, table = bounds * len(names), True
        if any(b.kind == "range" for b in bounds):
            whole = original.load()
            bounds = [b.resolve(whole[:, j] if table else whole) for j, b in enumerate(bounds)]
        labels = names if table else ("all values",)
        columns = [Column(name, str(b)) for name, b in zip(labels, bounds, strict=True)]
        latent = bounds[0].kind == "latent"
        sums = np.zeros((len(columns), 5))
        for (start, x), (_, y) in zip(original.blocks(), decoded.blocks(), strict=True):
            for j, column in enumerate(columns):
                a, b = (x[:, j], y[:, j]) if table else (x, y)
                _add(column, bounds[j], a, b, start)
                if latent:
                    _add_sums(sums[j], a, b)
    if latent:
        for column, total in zip(columns, sums, strict=True):
            _finish(column, total)
    return Comparison(columns, latent)


def _compare_records(original: Source, compressed: str, bound: str | None) -> Comparison:
    names = leaf_names(original.dtype)
    with open_source(compressed, records=True) as decoded:
        same = decoded.dtype.names is not None and leaf_names(decoded.dtype) == names
        if not same or decoded.shape != original.shape:
            raise ShapeError(
                f"{compressed} holds {decoded.dtype} {decoded.shape}, the original {original.dtype} {original.shape}: "
                "these are not the same data"
            )
        record = record_of(original.dtype)
        if bound:
            wanted = parse_fields(bound, record)
            found = dict(zip(record.names, bounds_of(record, wanted), strict=True))
            if any(b.kind == "range" for b in found.values()):
                ranges = zip(record.names, ranges_of(record, original.load()), strict=True)
                found = {name: found[name].of_range(*ends) for name, ends in ranges}
        else:
            found = _stated_by_fields(compressed)
        bounds = [found.get(name, ErrorBound("exact")) for name in names]
        columns = [Column(name, str(b)) for name, b in zip(names, bounds, strict=True)]
        for (start, x), (_, y) in zip(original.blocks(), decoded.blocks(), strict=True):
            for column, own in zip(columns, bounds, strict=True):
                a, b = values_of(x, column.name), values_of(y, column.name)
                _add(column, own, a, b.astype(a.dtype, copy=False), start)
    return Comparison(columns, latent=False)


def _stated_by_fields(compressed: str) -> dict[str, ErrorBound]:
    """Return the bounds that frames of records state; those of plain bytes say nothing."""
    stored = open_stored(compressed)
    found = [
        bounds_by_name(stored.dtype, native.frame_fields(raw))
        for raw in stored.frames
        if native.frame_info(raw).mode == "fields"
    ]
    if any(other != found[0] for other in found):
        raise BalerError(f"{compressed}: its chunks have different bounds: give those to check with --bound")
    return found[0] if found else {}


def stated_bounds(compressed: str, n_columns: int) -> ErrorBound | list[ErrorBound]:
    """Return the bounds that the frames of a file state, themselves or through their model."""
    stored = open_stored(compressed)
    found: set[tuple[ErrorBound, ...]] = set()
    for raw in stored.frames:
        frame = native.frame_info(raw)
        if frame.mode == "fields":
            found.add(bounds_of_columns(stored.dtype, native.frame_fields(raw)))
            continue
        if frame.model_id is None:
            assert frame.bound is not None
            found.add((frame.bound,))
            continue
        model = find_model(stored, frame.model_id)
        if model is None:
            raise BalerError(
                f"{compressed}: model {frame.model_id}, which holds the bounds, is not found: give --bound"
            )
        found.add(model.bounds)
    if len(found) > 1:
        raise BalerError(
            f"{compressed}: its chunks have {len(found)} different bounds: give the one to check with --bound"
        )
    bounds = next(iter(found)) if found else (ErrorBound("exact"),)
    if len(bounds) > 1 and len(bounds) != n_columns:
        raise BalerError(f"{compressed}: {len(bounds)} bounds for {n_columns} columns: give --bound")
    return bounds[0] if len(bounds) == 1 else list(bounds)


def _add(column: Column, bound: ErrorBound, x: npt.NDArray[Any], y: npt.NDArray[Any], start: int) -> None:
    inside = bound.check(x, y)
    column.values += x.size
    if not inside.all():
        if column.first_outside is None:
            column.first_outside = start + int(np.flatnonzero(~inside.reshape(len(x), -1).all(1))[0]) if x.ndim else 0
        column.outside += int(x.size - inside.sum())
    if x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        return
    if x.dtype.kind == "f":
        column.special += int((~np.isfinite(x) | ((x == 0) & np.signbit(x))).sum())
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(x) & np.isfinite(y) if x.dtype.kind == "f" else np.ones(x.shape, bool)
        a, b = x[finite].astype(np.float64), y[finite].astype(np.float64)
        error = np.abs(b - a)
        if not error.size:
            return
        column.max_error = max(column.max_error, float(error.max()))
        if bound.kind == "abs":
            column.of_bound = max(column.of_bound, float(error.max()) / bound.value)
        elif bound.kind == "pw_rel" and error.any():
            share = error[error > 0] / np.abs(a[error > 0]) / bound.value
            column.of_bound = max(column.of_bound, float(share.max()))


def _add_sums(total: npt.NDArray[np.float64], x: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
    """Add to: sum and sum of squares of residuals, of responses, and how many responses there are."""
    finite = np.isfinite(x) & np.isfinite(y)
    a, b = x[finite].astype(np.float64), y[finite].astype(np.float64)
    residual = b - a
    response = residual[a != 0] / a[a != 0]
    total += [residual.sum(), (residual**2).sum(), response.sum(), (response**2).sum(), response.size]


def _finish(column: Column, total: npt.NDArray[np.float64]) -> None:
    n, responses = max(column.values, 1), max(total[4], 1.0)
    column.residual_mean, column.residual_rms = float(total[0] / n), math.sqrt(total[1] / n)
    column.response_mean, column.response_rms = float(total[2] / responses), math.sqrt(total[3] / responses)
