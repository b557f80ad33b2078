"""Columns of equal length into one table, and the choice among columns."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import BalerError, DTypeError, ShapeError

if TYPE_CHECKING:
    from .source import Source


def choose(available: Iterable[str], wanted: Sequence[str], where: str) -> list[str]:
    """Return the names that match the wished-for ones (``*`` and ``?`` allowed), in the order of the wishes."""
    names = list(available)
    chosen: dict[str, None] = {}
    for pattern in wanted:
        found = [pattern] if pattern in names else [n for n in names if fnmatch.fnmatchcase(n, pattern)]
        if not found:
            raise BalerError(f"{where}: no column {pattern!r}; there are {', '.join(names) or 'no named columns'}")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def common_dtype(columns: Mapping[str, npt.NDArray[Any]]) -> np.dtype[Any]:
    """Return the type for one array of all columns: theirs when they agree, else the smallest float exact for all."""
    dtypes = {c.dtype.newbyteorder("=") for c in columns.values()}
    if len(dtypes) == 1:
        return dtypes.pop()
    floats = [d for d in dtypes if d.kind == "f"]
    result = np.result_type(np.float32, *floats)
    for name, column in columns.items():
        if column.dtype.kind not in "fiub":
            raise DTypeError(
                f"column {name!r} holds {column.dtype}, which has no place in a table of numbers: leave it out"
            )
        if column.dtype.kind in "iu" and column.size:
            largest = max(abs(int(column.min())), abs(int(column.max())))
            if largest > 2**53:
                raise DTypeError(
                    f"column {name!r} holds integers up to {largest}, which no float64 holds exactly: leave it out or "
                    "store the integer columns by themselves"
                )
            if largest > 2**24:
                result = np.dtype(np.float64)
    return result


def stack(columns: Mapping[str, npt.NDArray[Any]], where: str) -> tuple[npt.NDArray[Any], list[str]]:
    """Put columns of equal length side by side: (table, notes about the promotion of dtypes)."""
    lengths = {name: column.shape for name, column in columns.items()}
    first = next(iter(lengths.values()))
    if any(len(shape) != 1 for shape in lengths.values()) or any(shape != first for shape in lengths.values()):
        seen = ", ".join(f"{name} {shape}" for name, shape in lengths.items())
        raise ShapeError(f"{where}: not columns of one length ({seen}); name one array, or choose columns")
    dtype = common_dtype(columns)
    table = np.empty((first[0], len(columns)), dtype)
    for j, column in enumerate(columns.values()):
        table[:, j] = column
    promoted = [f"{name} ({c.dtype})" for name, c in columns.items() if c.dtype.newbyteorder("=") != dtype]
    notes = [f"{where}: stored as {dtype}, which holds every value exactly: {', '.join(promoted)}"] if promoted else []
    return table, notes


def pick(source: Source, wanted: Sequence[str]) -> None:
    """Cut a table down to some of its columns."""
    names = choose(source.names, wanted, "the table")
    index = [source.names.index(name) for name in names]
    source.values = source.load()[:, index]
    source.columns = tuple(names)
    source.units = {name: unit for name, unit in source.units.items() if name in names}
