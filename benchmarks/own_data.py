"""Data of the user's own (npy, npz, HDF5, Zarr, ROOT), and what installed packages carry, as tables and grids."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .bounds import Array
from .grids import Grid
from .speed_data import MIB, Case, simulated_flow
from .tables import Table, with_bounds

_MAX_COLUMNS = 1024


def is_address(text: str) -> bool:
    """Whether this names a file, as "file.h5:dataset" does."""
    from baler_codec.io import split_address

    return Path(split_address(text)[0]).exists()


def read(address: str, chunk_bytes: int) -> tuple[str, Array, list[str]]:
    """Return a name, the first chunk of so many bytes, and names of its columns."""
    from baler_codec.io import open_source

    source = open_source(address)
    row = max(source.nbytes // max(source.shape[0], 1), 1) if source.shape else 1
    values = np.ascontiguousarray(source.values[: max(chunk_bytes // row, 1)])
    names = list(source.columns) or [f"c{i}" for i in range(values.shape[-1] if values.ndim == 2 else 1)]
    source.close()
    return Path(address).name, values, names


def is_table(values: Array) -> bool:
    """Whether this is for the tables: numbers without gaps, in columns."""
    columns = values.shape[1] if values.ndim == 2 else 0
    return 0 < columns <= _MAX_COLUMNS and values.dtype.kind == "f" and bool(np.isfinite(values).all())


def as_table(name: str, values: Array, columns: list[str]) -> Table:
    return with_bounds(Table(name, values, columns, values, "yours; ranges of its own"))


def as_grid(name: str, values: Array) -> Grid:
    valid = np.isfinite(values) & (np.abs(values) < 1e19) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    return Grid(name, values, valid)


def as_case(name: str, values: Array) -> Case:
    shape = " x ".join(map(str, values.shape))
    return Case(f"{name}, {shape} {values.dtype}", "table" if is_table(values) else "grid", values)


def from_packages() -> Iterator[Grid]:
    """Return the real data that matplotlib installs, and a simulation of ours: they are there wherever this runs."""
    if importlib.util.find_spec("matplotlib"):
        import gzip

        from matplotlib import cbook

        with cbook.get_sample_data("jacksboro_fault_dem.npz") as file:
            yield as_grid("matplotlib: elevation", file["elevation"])
        with cbook.get_sample_data("topobathy.npz") as file:
            yield as_grid("matplotlib: sea floor", file["topo"])
        path = cbook.get_sample_data("s1045.ima.gz", asfileobj=False)
        with gzip.open(path) as raw:
            yield as_grid("matplotlib: MRI slice", np.frombuffer(raw.read(), ">u2").astype(np.uint16).reshape(256, 256))
    yield as_grid("simulated waves", simulated_flow(MIB).values)
