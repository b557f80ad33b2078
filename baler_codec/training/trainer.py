"""baler.train: from a table to a model."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._version import __version__
from ..bound import ErrorBound
from ..errors import BoundError, DTypeError, ShapeError
from ..model import Model
from ..sections import MAX_COLUMNS, join_sections, pack_bounds, pack_meta
from . import order as ordering
from . import relations, report
from .export import table_model
from .hints import parse_all
from .lattices import Bound, Int
from .loop import Schedule, learn
from .model_file import pack
from .net import Networks
from .packs import Layout
from .pool import Pool
from .prepare import Table, analyse
from .progress import Progress

BoundSpec = str | ErrorBound | Mapping[str, str | ErrorBound] | Sequence[str | ErrorBound]
MOST_ROWS = 2_000_000
KINDS = {"exact": 0, "abs": 1, "pw_rel": 2, "latent": 3}


def train(
    array: npt.ArrayLike,
    columns: Sequence[str] | None = None,
    bound: BoundSpec | None = None,
    latent: int | str = "auto",
    *,
    hints: Iterable[str] | Mapping[str, str] | None = None,
    order: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    seed: int = 0,
    time_budget: float | None = None,
    steps: int | None = None,
    hidden: Sequence[int] = (48, 48),
    width: int = 16,
    connections: int | None = None,
    ranges: float = 0.3,
    licence: str | None = None,
    progress: bool = True,
) -> Model:
    """Train a model for tables like this one.

    Parameters
    ----------
    array : array_like
        Rows × columns of integers or floats (one axis: one column). Rows in the order in which they will be stored:
        the row before is a context.
    columns : sequence of str, optional
        Names of the columns.
    bound : str, ErrorBound, mapping or sequence, optional
        Error bounds that the model will hold: one for all columns, by name (``"*"`` for all others), or by position.
        Columns without one are exact. The networks learn on many other bounds too, so that `Model.with_bound` costs
        little. ``range`` bounds are resolved with `array`.
    latent : int or "auto"
        Latents of an autoencoder. 0: none. ``"auto"`` keeps them only if they make the total smaller.
    hints : iterable of str, or mapping, optional
        Formulas for columns, such as ``"pt = sqrt((e1 + e2)**2 - m**2) / cosh(eta)"``.
    order : sequence of str, optional
        Coding order; columns not named follow. By default cheap columns come first.
    units : mapping, optional
        Physical units by column, for people.
    seed : int
        The same data, settings, seed and steps give the same model on one machine.
    time_budget : float, optional
        Seconds for the whole training (120 unless `steps` is given). The number of steps that fit is measured once and
        written into the model as ``provenance["steps"]``; give it as `steps` to repeat a training.
    steps : int, optional
        Number of steps instead of a time.
    hidden : sequence of int
        Hidden layers of the autoencoder's encoder, mirrored in its decoder.
    width : int
        Hidden neurons of each column's network.
    connections : int, optional
        Inputs that all networks together keep (16 for each column by default).
    ranges : float
        Share of the training that is spent on bounds of 1e-2 to 1e-5 of each column's range.
    licence : str, optional
        Of the model, for its description.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Model
    """
    began = time.monotonic()
    data, names = _table(array, columns)
    bounds = _bounds(bound, names, data)
    _check(latent, steps, time_budget, width)
    data = _sample(data)
    budget = None if steps is not None else 120.0 if time_budget is None else float(time_budget)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with Progress(progress) as bar, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            table = analyse(data, names, seed)
            layout = _layout(table, parse_all(hints, names), order)
            rows, held = _split(len(data))
            limits = [Bound(KINDS[b.kind], b.value) for b in bounds]
            run = _learn(layout, rows, limits, seed, width, connections, ranges, steps, budget, began, bar)
            metrics = report.measure(run.net, layout, limits, held) if run.net.n else {}
    finally:
        torch.set_num_threads(threads)
    meta: dict[str, Any] = {
        "columns": [_describe(name, data.dtype, units) for name in names],
        "ranges": [[c.least, c.greatest] for c in table.columns],
        "provenance": {
            "data_sha256": hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest(),
            "rows": len(data),
            "seed": seed,
            "steps": run.steps,
            "width": width,
            "connections": int(run.net.mask.sum()),
            "software": f"baler-codec {__version__}, torch {torch.__version__}, numpy {np.__version__}",
        },
        "metrics": metrics,
    }
    if layout.hints:
        meta["hints"] = [h.text for h in layout.hints.values()]
    if licence:
        meta["provenance"]["licence"] = licence
    same = len(set(bounds)) == 1
    sections = {"META": pack_meta(meta), "BNDS": pack_bounds(bounds[:1] if same else bounds)}
    sections["TABL"] = pack(table_model(run.net, layout, run.sample))
    model = Model.from_bytes(join_sections(sections))
    return model


@dataclass
class _Run:
    net: Networks
    sample: torch.Tensor
    steps: int


def _learn(
    layout: Layout,
    rows: Int,
    bounds: list[Bound],
    seed: int,
    width: int,
    connections: int | None,
    ranges: float,
    steps: int | None,
    budget: float | None,
    began: float,
    bar: Progress,
) -> _Run:
    pool = Pool(layout, rows, bounds, seed, ranges=ranges)
    net = Networks(layout, width)
    inputs = connections if connections is not None else 16 * net.n
    left = None if budget is None else max(0.0, budget - (time.monotonic() - began))
    done = learn(net, pool, Schedule(steps, left, inputs), seed, bar) if net.n else 0
    sample = torch.from_numpy(pool.data)
    pick = torch.randperm(len(sample), generator=torch.Generator().manual_seed(seed))[:40_000]
    return _Run(net, sample[pick], done)


def _table(array: npt.ArrayLike, columns: Sequence[str] | None) -> tuple[npt.NDArray[Any], list[str]]:
    data = np.asarray(array)
    if data.ndim == 1 and data.dtype.names is None:
        data = data[:, None]
    if data.dtype.names is not None or data.ndim != 2:
        raise ShapeError(f"training needs rows × columns, not shape {data.shape} of {data.dtype}")
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind not in "iuf" or data.dtype.itemsize > 8:
        raise DTypeError(f"dtype {data.dtype} cannot be trained on: integers, float16, float32 and float64 can")
    if data.shape[0] == 0 or not 1 <= data.shape[1] <= MAX_COLUMNS:
        raise ShapeError(f"a table of shape {data.shape}: 1 to {MAX_COLUMNS} columns and at least one row are needed")
    names = [str(c) for c in columns] if columns is not None else [f"column {i}" for i in range(data.shape[1])]
    if len(names) != data.shape[1] or len(set(names)) != len(names):
        raise ShapeError(f"{len(names)} column names for {data.shape[1]} columns: give one for each, all different")
    return data.astype(data.dtype.newbyteorder("="), copy=False), names


def _bounds(spec: BoundSpec | None, names: list[str], data: npt.NDArray[Any]) -> list[ErrorBound]:
    if spec is None:
        spec = "exact"
    if isinstance(spec, str | ErrorBound):
        wanted = [ErrorBound.parse(spec)] * len(names)
    elif isinstance(spec, Mapping):
        unknown = [str(n) for n in spec if n != "*" and n not in names]
        if unknown:
            raise BoundError(f"bounds for columns that are not there: {', '.join(unknown)}; columns: {', '.join(names)}")
        wanted = [ErrorBound.parse(spec.get(n, spec.get("*", "exact"))) for n in names]
    else:
        wanted = [ErrorBound.parse(b) for b in spec]
        if len(wanted) != len(names):
            raise ShapeError(f"{len(wanted)} bounds for {len(names)} columns: give one for each")
    if any(b.kind == "latent" for b in wanted) and not all(b.kind == "latent" for b in wanted):
        raise BoundError('the bound "latent" holds for all columns or for none')
    for b in wanted:
        b.require(data.dtype)
    return [b.resolve(data[:, i]) for i, b in enumerate(wanted)]


def _check(latent: int | str, steps: int | None, budget: float | None, width: int) -> None:
    if latent != "auto" and (not isinstance(latent, int) or not 0 <= latent <= 64):
        raise ValueError(f'latent={latent!r}: a number from 0 to 64, or "auto"')
    if steps is not None and budget is not None:
        raise ValueError("give steps or time_budget, not both")
    if (steps is not None and steps < 0) or (budget is not None and budget < 0):
        raise ValueError("steps and time_budget cannot be negative")
    if not 1 <= width <= 256:
        raise ValueError(f"width={width!r}: 1 to 256 neurons")


def _sample(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Blocks of consecutive rows from all of a table too long to hold as doubles."""
    if len(data) <= MOST_ROWS:
        return data
    blocks = 64
    size = MOST_ROWS // blocks
    starts = np.linspace(0, len(data) - size, blocks).astype(int)
    return np.concatenate([data[s : s + size] for s in starts])


def _split(rows: int) -> tuple[Int, Int]:
    """Rows to learn from, and some blocks held out to measure on; small tables are measured on themselves."""
    every = np.arange(rows)
    if rows < 2000:
        return every, every
    size = min(20_000, rows // 10) // 8
    starts = (np.arange(8) * rows // 8) + rows // 16
    held = (starts[:, None] + np.arange(size)).ravel()
    return np.setdiff1d(every, held), held


def _layout(table: Table, hints: list[Any], order: Sequence[str] | None) -> Layout:
    names = [c.name for c in table.columns]
    wish = None
    if order is not None:
        unknown = [n for n in order if n not in names]
        if unknown:
            raise ValueError(f"order names columns that are not there: {', '.join(unknown)}")
        wish = [names.index(n) for n in order]
    found = relations.find(table)
    kept = [h for h in hints if h.variable not in found]
    return Layout(table, ordering.choose(table, found, kept, wish), found, {h.variable: h for h in kept})


def _describe(name: str, dtype: np.dtype[Any], units: Mapping[str, str] | None) -> dict[str, str]:
    entry = {"name": name, "dtype": dtype.str}
    if units and units.get(name):
        entry["unit"] = units[name]
    return entry
