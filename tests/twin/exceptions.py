"""Section 3: cells that are not on the lattice, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .entropy import byte_run
from .reader import CorruptDataError, Reader


@dataclass
class Exceptions:
    """Of one column: where they are, and their items (little-endian) in the same order."""

    rows: NDArray[np.int64]
    items: bytes


def read_exceptions(reader: Reader, columns: int, rows: int, itemsize: int | list[int]) -> dict[int, Exceptions]:
    """Of a table's columns, by number; `itemsize`: of all columns, or of each."""
    result: dict[int, Exceptions] = {}
    last = -1
    for _ in range(reader.varint()):
        column = reader.varint()
        if not last < column < columns:
            raise CorruptDataError("exceptions of columns out of order")
        result[column] = _read_column(reader, rows, itemsize[column] if isinstance(itemsize, list) else itemsize)
        last = column
    return result


def _read_column(reader: Reader, rows: int, itemsize: int) -> Exceptions:
    runs = reader.varint()
    dictionary = [reader.raw(itemsize) for _ in range(reader.u8())]
    positions, literals = Reader(byte_run(reader)), Reader(byte_run(reader))
    if not runs:
        raise CorruptDataError("column without exceptions among those with exceptions")
    at = 0
    where: list[NDArray[np.int64]] = []
    items: list[bytes] = []
    for _ in range(runs):
        start = at + positions.varint()
        at = start + positions.varint() + 1
        if at > rows:
            raise CorruptDataError("exceptions outside the column")
        kind = positions.u8()
        if kind != 255 and kind >= len(dictionary):
            raise CorruptDataError("exception of an unknown class")
        items.append(literals.raw((at - start) * itemsize) if kind == 255 else dictionary[kind] * (at - start))
        where.append(np.arange(start, at))
    positions.finish()
    literals.finish()
    return Exceptions(np.concatenate(where), b"".join(items))
