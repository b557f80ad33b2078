"""A source of numbers: an array with the names and units of its columns, whatever file it lies in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BalerError

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".nc", ".nc4")
ZARR_SUFFIXES = (".zarr", ".zr")


@dataclass
class Source:
    """Numbers to read, row by row along the first axis.

    Parameters
    ----------
    values : array_like
        Anything with ``shape``, ``dtype`` and slices: a numpy array, a memory map, an HDF5 dataset, a Zarr array.
    columns : tuple of str
        Names of the columns of a table; empty when there are none.
    units : dict
        Units of the columns that have one.
    notes : list of str
        What was done to the data on the way (promotion of dtypes, flattening), for people.
    closers : list of callable
        Called by `close`.
    """

    values: Any
    columns: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    closers: list[Callable[[], object]] = field(default_factory=list, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(int(n) for n in self.values.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        dtype: np.dtype[Any] = np.dtype(self.values.dtype)
        return dtype

    @property
    def nbytes(self) -> int:
        """Size of the values in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a table's columns, ``column 0`` … where it has none; empty for anything but a table."""
        if self.columns or len(self.shape) != 2:
            return self.columns
        return tuple(f"column {i}" for i in range(self.shape[1]))

    def load(self) -> npt.NDArray[Any]:
        """Return all values as one array in memory."""
        return np.asarray(self.values[...])

    def blocks(self, rows: int = 65536) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield (first row, rows) from the beginning to the end; a 0-d array is one block."""
        if not self.shape:
            yield 0, self.load()
            return
        for start in range(0, self.shape[0], rows):
            yield start, np.asarray(self.values[start : start + rows])

    def close(self) -> None:
        """Close the files behind it."""
        while self.closers:
            self.closers.pop()()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def split_address(address: str | os.PathLike[str]) -> tuple[Path, str]:
    """Take ``FILE[:OBJECT]`` apart: (file, object); the object is empty when none is named."""
    text = os.fspath(address)
    if Path(text).exists():
        return Path(text), ""
    file, colon, name = text.rpartition(":")
    # one letter before the colon is a Windows drive
    if not colon or len(file) < 2:
        return Path(text), ""
    return Path(file), name


def kind_of(path: Path) -> str:
    """Say what kind of file a name stands for: npy, npz, root, hdf5 or zarr."""
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz", ".root"):
        return suffix[1:]
    if suffix in HDF5_SUFFIXES:
        return "hdf5"
    if suffix in ZARR_SUFFIXES or (path / "zarr.json").exists() or (path / ".zarray").exists():
        return "zarr"
    raise BalerError(f"{path}: unknown kind of file; known are .npy, .npz, .root, .h5 (and .hdf5, .nc) and .zarr")


def open_source(address: str | os.PathLike[str], columns: Sequence[str] = (), *, records: bool = False) -> Source:
    """Open ``FILE[:OBJECT]``.

    Parameters
    ----------
    address : str or path
        ``x.npy``, ``x.npz[:NAME]``, ``x.root[:TREE]``, ``x.h5[:/DATASET or /GROUP]``, ``x.zarr[:/ARRAY or /GROUP]``.
        The object may be left out when there is only one. A group of columns of equal length is read as a table.
    columns : sequence of str
        Only these columns, by name or with ``*`` and ``?``, in this order.
    records : bool
        Leave a compound dataset as it is; else its fields are the columns of a table.

    Returns
    -------
    Source
        To be closed, or used in a ``with`` statement.
    """
    path, name = split_address(address)
    if not path.exists():
        raise BalerError(f"{path}: no such file or directory")
    kind = kind_of(path)
    source: Source
    if kind in ("npy", "npz"):
        from . import npz

        source = npz.open_source(path, name, columns)
    elif kind == "root":
        from . import root

        return root.open_source(path, name, columns)
    elif kind == "hdf5":
        from . import hdf5

        source = hdf5.open_source(path, name, columns, records=records)
    else:
        from . import zarr

        source = zarr.open_source(path, name, columns)
    if columns and source.columns != tuple(columns):
        from .columns import pick

        pick(source, columns)
    return source
