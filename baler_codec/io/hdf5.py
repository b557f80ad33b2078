"""HDF5 datasets, and groups of columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BalerError
from .columns import choose, stack
from .source import Source


def open_source(path: Path, name: str, columns: Sequence[str], *, records: bool = False) -> Source:
    """Open a dataset (nothing is read yet), or read a group's 1-d datasets of one length as a table."""
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise BalerError(f'{path}: reading HDF5 files needs h5py: pip install "baler-codec[hdf5]"') from None
    from .. import hdf5 as _plugin  # noqa: F401  (registers the filter)

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BalerError(f"{path}: not readable as HDF5 ({error})") from None
    try:
        return _from_object(file, path, name, columns, records)
    except BaseException:
        file.close()
        raise


def _from_object(file: Any, path: Path, name: str, columns: Sequence[str], records: bool) -> Source:
    import h5py

    datasets = numbers_in(file)
    if not name:
        if len(datasets) != 1:
            raise BalerError(f"{path}: {_there_are(datasets)}; write {path}:NAME")
        name = datasets[0]
    if name.strip("/") and name not in file:
        raise BalerError(f"{path}: no object {name!r}; {_there_are(datasets)}")
    node = file[name] if name.strip("/") else file
    if isinstance(node, h5py.Group):
        parts = {
            n: d for n, d in node.items() if isinstance(d, h5py.Dataset) and d.ndim == 1 and d.dtype.kind in "fiub"
        }
        if not parts:
            raise BalerError(f"{path}: group {name!r} holds no columns of numbers; {_there_are(datasets)}")
        chosen = choose(parts, columns, f"{path}:{name}") if columns else list(parts)
        units = {n: str(parts[n].attrs["units"]) for n in chosen if "units" in parts[n].attrs}
        table, notes = stack({n: parts[n][...] for n in chosen}, f"{path}:{name}")
        file.close()
        return Source(table, tuple(chosen), units, notes)
    if node.dtype.names and not records:
        chosen = choose(node.dtype.names, columns, f"{path}:{name}") if columns else list(node.dtype.names)
        table, notes = stack({n: node[n] for n in chosen}, f"{path}:{name}")
        file.close()
        return Source(table, tuple(chosen), notes=notes)
    names, units = column_attributes(node.attrs, node.shape)
    return Source(node, names, units, closers=[file.close])


def numbers_in(group: Any) -> list[str]:
    """Return the names of all datasets of numbers below a group, models excluded."""
    import h5py

    found: list[str] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith(".baler/"):
            found.append(name)

    group.visititems(visit)
    return found


def _there_are(names: list[str]) -> str:
    if not names:
        return "it holds no dataset"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"there are {', '.join(names[:12])}{more}"


def column_attributes(attributes: Any, shape: Sequence[int]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Read column names and units that `save` wrote: JSON strings in ``column_names`` and ``column_units``."""
    names: tuple[str, ...] = ()
    units: dict[str, str] = {}
    try:
        found = attributes.get("column_names")
        found = json.loads(found) if isinstance(found, str) else found
        if isinstance(found, list | np.ndarray) and len(shape) == 2 and len(found) == shape[1]:
            names = tuple(n.decode() if isinstance(n, bytes) else str(n) for n in found)
        units = {str(k): str(v) for k, v in json.loads(str(attributes.get("column_units", "{}"))).items()}
    except ValueError:
        pass
    return names, units
