"""Tables: data sets, bounds and the runs of every method over chunks of rows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .bounds import Array, Bound, detect_unit
from .isolate import ChildFailed, call
from .peers import METHODS

CHUNK_ROWS = 65536
RANGES = ("1e-2", "1e-3", "1e-4", "1e-5")


@dataclass
class Table:
    """A table to compress, and the rows from which ranges and lattices are known beforehand (training rows)."""

    name: str
    values: Array
    columns: list[str]
    reference: Array
    note: str = ""
    bounds: dict[str, list[Bound]] = field(default_factory=dict)


def data_directory() -> Path | None:
    """Where the large data sets lie: $BALER_DATA, or shared/data beside the checkout; None when absent."""
    places = [os.environ.get("BALER_DATA"), Path(__file__).resolve().parents[2] / "shared" / "data"]
    return next((Path(p) for p in places if p and Path(p).is_dir()), None)


def particle_bounds(columns: list[str], units: list[float]) -> list[Bound]:
    """HEP-like: 1e-3 relative on momenta, masses and energies, 1e-3 absolute on angles and area, exact counts."""
    bounds = []
    for name, unit in zip(columns, units, strict=True):
        if name in ("eta", "phi") or "area" in name.lower():
            bounds.append(Bound("abs", 1e-3, unit))
        elif unit == 1.0:
            bounds.append(Bound("exact", 0.0, 1.0))
        else:
            bounds.append(Bound("pw_rel", 1e-3))
    return bounds


def range_bounds(reference: Array, units: list[float], rel: float) -> list[Bound]:
    """An absolute bound of `rel` times the range of each column of the reference rows."""
    extent = reference.max(0).astype(np.float64) - reference.min(0).astype(np.float64)
    return [
        Bound("abs", rel * float(e), u) if e > 0 else Bound("exact", 0.0, u) for e, u in zip(extent, units, strict=True)
    ]


def with_bounds(table: Table) -> Table:
    units = [detect_unit(table.reference[:, j]) for j in range(table.reference.shape[1])]
    table.bounds = {f"range {r}": range_bounds(table.reference, units, float(r)) for r in RANGES}
    table.bounds["HEP"] = particle_bounds(table.columns, units)
    return table


def load(rows: int | None) -> list[Table]:
    """Every table at hand; those that are absent are named on the way."""
    tables = []
    sample = Path(__file__).resolve().parents[1] / "baler_codec" / "data" / "cms_jets_20k.npz"
    if sample.exists():
        with np.load(sample) as file:
            values, columns = file["data"], [str(n) for n in file["names"]]
        tables.append(Table("sample", values[:rows], columns, values, "the shipped 20,000 jets; ranges of its own"))
    else:
        print("skipped: the shipped sample is absent")
    place = data_directory()
    if place is None:
        print("skipped: jets (set BALER_DATA to the directory that holds cmslike_jets_B_f32.npy)")
        return [with_bounds(t) for t in tables]
    columns = json.loads((place / "cmslike_jets.json").read_text())["columns"]
    reference = np.load(place / "cmslike_jets_f32.npy")
    for name, file, note in (
        ("jets B", "cmslike_jets_B_f32.npy", "unseen jets; ranges and lattices of the training jets"),
        ("jets C", "cmslike_jets_C_mu25_pthat100_f32.npy", "drifted jets; ranges and lattices of the training jets"),
    ):
        tables.append(Table(name, np.load(place / file)[:rows], columns, reference, note))
    return [with_bounds(t) for t in tables]


def _all_chunks(run: Callable[[Array, list[Bound]], list[int]], values: Array, bounds: list[Bound]) -> list[int]:
    sizes = [run(values[i : i + CHUNK_ROWS], bounds) for i in range(0, len(values), CHUNK_ROWS)]
    return [sum(column) for column in zip(*sizes, strict=True)]


def run_peers(table: Table, bound_name: str, only: str = "") -> dict[str, dict[str, Any]]:
    """Every peer on one table at one bound: stored bytes (all, per column) and ratio, or why there is no figure."""
    bounds = table.bounds[bound_name]
    results: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        if only not in method.name or method.where == ("absolute" if bound_name == "HEP" else "relative"):
            continue
        try:
            sizes = call(_all_chunks, method.run, table.values, bounds)
        except ChildFailed as failure:
            results[method.name] = {"failed": str(failure)}
            continue
        total = sum(sizes)
        results[method.name] = {
            "bytes": total,
            "ratio": round(table.values.nbytes / total, 4),
            "columns": sizes if len(sizes) == len(bounds) else None,
        }
    return results


def run_ours(table: Table, bound_name: str, models: list[Path]) -> dict[str, dict[str, Any]]:
    """Run our own codec on one table at one bound: see `ours`."""
    from . import ours

    return ours.run(table.values, table.columns, table.bounds[bound_name], models)
