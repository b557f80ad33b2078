"""Rows and latents out of files, pipes and sockets, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from ..errors import CorruptDataError, DTypeError, ShapeError

AT_ONCE = 4096


def rows_in(
    file: BinaryIO, columns: int, dtype: npt.DTypeLike = "<f4", *, at_once: int = AT_ONCE
) -> Iterator[npt.NDArray[Any]]:
    """Read raw rows, one after the other without anything between, until the file ends.

    Parameters
    ----------
    file : binary file
        A file, a pipe, `socket.makefile("rb")`.
    columns : int
        Values of a row.
    dtype : dtype
        Of a value.
    at_once : int
        Rows that are waited for before they are handed on.

    Raises
    ------
    CorruptDataError
        If it ends inside a row.
    """
    item = np.dtype(dtype)
    size = columns * item.itemsize
    row = 0
    while True:
        found = _up_to(file, size * at_once)
        if len(found) % size:
            raise CorruptDataError(
                f"the input ends inside row {row + len(found) // size}, {len(found) % size} of {size} bytes into it: "
                f"rows are {columns} values of {item}"
            )
        if found:
            yield np.frombuffer(found, item).reshape(-1, columns)
        row += len(found) // size
        if len(found) < size * at_once:
            return


def latents_in(
    file: BinaryIO, latents: int, dtype: npt.DTypeLike = "<i4", *, at_once: int = AT_ONCE
) -> Iterator[npt.NDArray[Any]]:
    """Read raw rows of latents, as `rows_in` does."""
    if np.dtype(dtype).kind not in "iu":
        raise DTypeError(f"latents are integers, not {np.dtype(dtype)}")
    return rows_in(file, latents, dtype, at_once=at_once)


def npy_rows_in(file: BinaryIO, columns: int) -> Iterator[npt.NDArray[Any]]:
    """Read the rows of a .npy file or pipe; the file need not be seekable."""
    try:
        version = npy.read_magic(file)
        head = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = head(file)
    except ValueError as error:
        raise CorruptDataError(f"the input is no .npy file: {error}") from None
    if len(shape) != 2 or shape[1] != columns:
        raise ShapeError(f"the .npy input has shape {shape}: rows of {columns} values are wanted")
    if fortran or dtype.hasobject:
        raise ShapeError(f"the .npy input ({dtype}, column after column: {fortran}) holds no rows: save it in C order")
    left = shape[0]
    for rows in rows_in(file, columns, dtype):
        if len(rows) > left:
            raise CorruptDataError(f"the .npy input holds more than the {shape[0]} rows that it claims")
        left -= len(rows)
        yield rows
    if left:
        raise CorruptDataError(f"the .npy input claims {shape[0]} rows and ends {left} rows earlier")


def blocks(pieces: Iterator[npt.NDArray[Any]], rows: int) -> Iterator[npt.NDArray[Any]]:
    """Put rows that come in pieces of any size together to blocks in C order; the last one may be shorter."""
    waiting: list[npt.NDArray[Any]] = []
    held = 0
    for piece in pieces:
        while len(piece):
            taken = piece[: rows - held]
            waiting.append(taken)
            held, piece = held + len(taken), piece[len(taken) :]
            if held == rows:
                yield np.ascontiguousarray(np.concatenate(waiting))
                waiting, held = [], 0
    if held:
        yield np.ascontiguousarray(np.concatenate(waiting))


def _up_to(file: BinaryIO, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = file.read(size - len(found))
        if not piece:
            break
        found += piece
    return bytes(found)
