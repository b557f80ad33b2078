"""npy and npz files."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BalerError
from .columns import choose, stack
from .source import Source

NAMES = ("names", "columns", "column_names")


def open_source(path: Path, name: str, columns: Sequence[str]) -> Source:
    """Open an array of an npz file, its 1-d arrays of one length as a table, or an npy file (mapped, not read)."""
    try:
        if path.suffix.lower() == ".npy":
            return Source(np.load(path, mmap_mode="r", allow_pickle=False))
        with np.load(path, allow_pickle=False) as file:
            return _from_npz(file, path, name, columns)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, BalerError):
            raise
        raise BalerError(f"{path}: not readable as {path.suffix[1:]} ({error})") from None


def _from_npz(file: Any, path: Path, name: str, columns: Sequence[str]) -> Source:
    label = next((n for n in NAMES if n in file.files and file[n].dtype.kind in "US" and file[n].ndim == 1), None)
    labels = tuple(str(n) for n in np.char.decode(file[label])) if label and file[label].dtype.kind == "S" else ()
    labels = labels or (tuple(str(n) for n in file[label]) if label else ())
    arrays = [n for n in file.files if n != label and file[n].dtype.kind in "fiub"]
    if name:
        if name not in file.files:
            raise BalerError(f"{path}: no array {name!r}; there are {', '.join(file.files)}")
        arrays = [name]
    if not arrays:
        raise BalerError(f"{path}: no array of numbers; there are {', '.join(file.files) or 'no arrays at all'}")
    if len(arrays) == 1 and not columns:
        values = file[arrays[0]]
        fits = values.ndim == 2 and values.shape[1] == len(labels)
        return Source(values, labels if fits else ())
    if len(arrays) == 1 and file[arrays[0]].ndim == 2:
        return Source(file[arrays[0]], labels)
    chosen = choose(arrays, columns, str(path)) if columns else arrays
    table, notes = stack({n: file[n] for n in chosen}, str(path))
    return Source(table, tuple(chosen), notes=notes)
