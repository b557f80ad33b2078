"""Zarr arrays of both formats, and groups of columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import BalerError
from .columns import choose, stack
from .hdf5 import column_attributes
from .source import Source


def open_source(path: Path, name: str, columns: Sequence[str]) -> Source:
    """Open an array (nothing is read yet), or read a group's 1-d arrays of one length as a table."""
    node = open_node(path, name)
    import zarr

    if isinstance(node, zarr.Array):
        names, units = column_attributes(node.attrs, node.shape)
        return Source(node, names, units)
    arrays = {n: a for n, a in node.arrays() if a.dtype.kind in "fiub"}
    where = f"{path}:{name}" if name else str(path)
    if len(arrays) == 1 and not columns:
        only = next(iter(arrays.values()))
        names, units = column_attributes(only.attrs, only.shape)
        return Source(only, names, units)
    if not arrays:
        raise BalerError(f"{where}: the group holds no array of numbers; write {path}:/NAME")
    chosen = choose(arrays, columns, where) if columns else list(arrays)
    units = {n: str(arrays[n].attrs["units"]) for n in chosen if "units" in arrays[n].attrs}
    table, notes = stack({n: arrays[n][...] for n in chosen}, where)
    return Source(table, tuple(chosen), units, notes)


def open_node(path: Path, name: str) -> Any:
    """Open an array or group for reading."""
    try:
        import zarr
    except ImportError:
        raise BalerError(f'{path}: reading Zarr needs zarr: pip install "baler-codec[zarr]"') from None
    from .. import zarr as _codec  # noqa: F401  (registers the codec)

    try:
        return zarr.open(str(path), path=name.strip("/"), mode="r")
    except BalerError:
        raise
    except Exception as error:
        raise BalerError(f"{path}{':' + name if name else ''}: not readable as Zarr ({error})") from None
