"""Whole files: compress what they hold, or go back to what every HDF5 library knows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]

from .. import registry
from ..bound import is_numeric
from ..errors import BalerError
from ..model import BoundSpec, Model
from ..settings import ModelSource
from ._embedding import filter_settings
from ._filter import Baler
from ._rewrite import Choice, rewrite

_WORTH_IT = 1024  # bytes; smaller datasets stay as they are
_PLAIN: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip", "shuffle": True},
    "lzf": {"compression": "lzf", "shuffle": True},
    "none": {},
}
_ZSTD = 32015


def repack(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: ModelSource | None = None,
    bound: BoundSpec | None = None,
    stable: bool = True,
    names: Sequence[str] = ("*",),
    overwrite: bool = False,
) -> list[str]:
    """Write an HDF5 file anew with its datasets compressed by Baler.

    Parameters
    ----------
    source, target : path
        The files. Groups, links, attributes, dimension scales and all else are kept.
    model : Model, str or path, optional
        For the tables that have its columns; others are left as they are.
    bound : str, ErrorBound, mapping or sequence, optional
        For floating-point datasets; integers, and dimension scales that `names` does not name, stay exact.
    stable : bool
        As for `Baler`.
    names : sequence of str
        Which datasets, with wildcards, by their full names without the first slash.
    overwrite : bool
        Whether an existing target is replaced.

    Returns
    -------
    list of str
        The datasets that were compressed.
    """
    found = model if model is None or isinstance(model, Model) else registry.load(model)

    def choose(dataset: Any) -> dict[str, Any] | None:
        if not _eligible(dataset, names):
            return None
        if found is not None:
            return _with_model(dataset, found, bound, stable)
        named = dataset.name.removeprefix("/") in names
        if bound is None or (dataset.is_scale and not named) or dataset.dtype.kind in "iu":
            return dict(Baler(stable=stable))
        if dataset.dtype.names is not None:
            return dict(Baler(bound=bound, stable=stable, dtype=dataset.dtype))
        wants_data = "range" in str(bound)
        return dict(Baler(bound=bound, stable=stable, data=dataset[...] if wants_data else None))

    return _rewritten(source, target, choose, overwrite)


def strip(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: str = "gzip",
    overwrite: bool = False,
) -> list[str]:
    """Write an HDF5 file anew without our filter, models and attributes; values are those that are read.

    Parameters
    ----------
    source, target : path
        The files.
    to : {"gzip", "lzf", "zstd", "none"}
        What compresses instead; readers of zstd need hdf5plugin or the like.
    overwrite : bool
        Whether an existing target is replaced.

    Returns
    -------
    list of str
        The datasets that were written anew.
    """
    if to == "zstd":
        if not h5py.h5z.filter_avail(_ZSTD):
            raise BalerError("HDF5 has no zstd filter here: install and import hdf5plugin, or take gzip")
        keywords: dict[str, Any] = {"compression": _ZSTD, "compression_opts": (3,), "shuffle": True}
    elif to in _PLAIN:
        keywords = _PLAIN[to]
    else:
        raise BalerError(f'the compression is "gzip", "lzf", "zstd" or "none", not {to!r}')

    def choose(dataset: Any) -> dict[str, Any] | None:
        ours = dataset.chunks is not None and filter_settings(dataset) is not None
        return dict(keywords) if ours else None

    return _rewritten(source, target, choose, overwrite)


def _eligible(dataset: Any, names: Sequence[str]) -> bool:
    name = dataset.name.removeprefix("/")
    if not dataset.shape or dataset.nbytes < _WORTH_IT or dataset.is_virtual or dataset.external:
        return False
    if dataset.dtype.hasobject or not (is_numeric(dataset.dtype) or dataset.dtype.names is not None):
        return False
    return any(fnmatchcase(name, pattern) for pattern in names)


def _with_model(dataset: Any, model: Model, bound: BoundSpec | None, stable: bool) -> dict[str, Any] | None:
    if not is_numeric(dataset.dtype):
        return None
    columns = dataset.shape[1] if dataset.ndim == 2 else 1
    if dataset.ndim > 2 or model.n_columns not in (0, columns):
        return None
    keywords = dict(Baler(model, bound=bound, stable=stable))
    if dataset.ndim == 2 and dataset.chunks is not None and dataset.chunks[1] != columns:
        keywords["chunks"] = None  # columns that were cut apart are put together
    return keywords


def _rewritten(
    source: str | os.PathLike[str], target: str | os.PathLike[str], choose: Choice, overwrite: bool
) -> list[str]:
    final = Path(target)
    if final.exists():
        if not overwrite:
            raise BalerError(f"{final} exists: remove it, or let it be overwritten")
        if final.samefile(source):
            raise BalerError(f"{final} is the source itself: write another file, then rename it")
    folder = final.parent
    with tempfile.TemporaryDirectory(prefix=".baler", dir=folder if folder.is_dir() else None) as room:
        made = Path(room) / final.name
        with h5py.File(source) as old, h5py.File(made, "w", track_order=True) as new:
            names = rewrite(old, new, choose)
        made.replace(final)
    return names
