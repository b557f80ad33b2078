"""The reading end of a stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .. import native
from ..errors import CorruptDataError
from ..model import Model
from ..sections import MAX_BYTES
from .header import Block, Header
from .wire import END, FRAME, RECORD, check, exactly

_SLACK = 4096  # what a frame may need beyond its values


class StreamReader:
    """Reads a stream and checks everything that it says about itself.

    Parameters
    ----------
    file : binary file
        A file, a pipe, `socket.makefile("rb")`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.header = Header.read(file)
        self.model: Model | None = None
        self.rows = self.outliers = 0
        self._next: tuple[bytes, bytes] = self._record()
        if self._next[0] == b"M":
            self.model = Model.from_bytes(self._next[1])
            if self.model.id != self.header.model_id:
                raise CorruptDataError(f"the stream's model is {self.model.id}, its header says {self.header.model_id}")
            self._next = self._record()

    def __iter__(self) -> Iterator[Block]:
        while self._next[0] == b"F":
            first, rows, frame = self._frame(self._next[1])
            self._next = self._record()
            numbers, values = np.empty(0, np.uint64), None
            if self._next[0] == b"O":
                numbers, values = self._outliers(self._next[1], first, rows)
                self._next = self._record()
            self.rows, self.outliers = first + rows, self.outliers + len(numbers)
            if rows < self.header.block_rows and self._next[0] != b"E":
                raise self._damaged(f"a block of {rows} rows that is not the last one")
            yield Block(first, rows, frame, numbers, values)
        tag, body = self._next
        if tag != b"E":
            raise self._damaged(f"a record {tag!r} where a frame or the end belongs")
        if len(body) != struct.calcsize(END) or struct.unpack(END, body) != (self.rows, self.outliers):
            raise self._damaged("the end counts other rows or outliers than there were: something is missing")

    def _record(self) -> tuple[bytes, bytes]:
        told = exactly(self._file, struct.calcsize(RECORD), "a record", self.rows)
        tag, size = struct.unpack(RECORD, told)
        limit = self._limits().get(tag)
        if limit is None:
            raise self._damaged(f"a record of the unknown kind {tag!r}")
        if size > limit:
            raise self._damaged(f"a record {tag!r} claims {size} bytes, at most {limit} are possible")
        body = exactly(self._file, size, f"a record {tag!r}", self.rows)
        check(self._file, told + body, f"a record {tag!r}", self.rows)
        return tag, body

    def _limits(self) -> dict[bytes, int]:
        rows = self.header.block_bytes + _SLACK
        numbers = 8 * self.header.block_rows + _SLACK
        return {b"M": MAX_BYTES, b"F": rows + _SLACK, b"O": rows + numbers + _SLACK, b"E": struct.calcsize(END)}

    def _frame(self, body: bytes) -> tuple[int, int, bytes]:
        size = struct.calcsize(FRAME)
        if len(body) < size:
            raise self._damaged("a record of a frame without a frame")
        first, rows = struct.unpack(FRAME, body[:size])
        if first != self.rows or not 1 <= rows <= self.header.block_rows:
            raise self._damaged(
                f"a block of {rows} rows that begins at row {first}: frames are missing or out of order"
            )
        shape = (self.header.block_rows, self.header.columns)
        info = self._info(body[size:], self.header.dtype, shape, self.header.model_id)
        if info.mode not in ("latent", "stored"):
            raise self._damaged(f"a frame of mode {info.mode}, not latents")
        return first, rows, body[size:]

    def _outliers(self, body: bytes, first: int, rows: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[Any] | None]:
        if not self.header.thresholds or len(body) < 4:
            raise self._damaged("a record of outliers where there can be none")
        (size,) = struct.unpack("<I", body[:4])
        if size > len(body) - 4:
            raise self._damaged("a record of outliers that ends early")
        told, rest = body[4 : 4 + size], body[4 + size :]
        shape = self._info(told, np.dtype("<u8"), None).shape
        if len(shape) != 1 or not 1 <= shape[0] <= rows:
            raise self._damaged(f"numbers of outliers of shape {shape} in a block of {rows} rows")
        numbers = np.empty(shape, "<u8")
        native.decode(np.frombuffer(told, np.uint8), numbers)
        if numbers[0] < first or numbers[-1] >= first + rows or (numbers[1:] <= numbers[:-1]).any():
            raise self._damaged("numbers of outliers that are not of the block, or not ascending")
        if not self.header.raw:
            if rest:
                raise self._damaged("raw outliers, which the header does not announce")
            return numbers.astype(np.uint64), None
        values = np.empty((len(numbers), self.header.columns), self.header.dtype)
        self._info(rest, self.header.dtype, values.shape)
        native.decode(np.frombuffer(rest, np.uint8), values)
        return numbers.astype(np.uint64), values

    def _info(
        self, frame: bytes, dtype: np.dtype[Any], shape: tuple[int, ...] | None, model_id: str | None = None
    ) -> native.Frame:
        info = native.frame_info(np.frombuffer(frame, np.uint8), verify=True)
        if info.dtype != dtype or info.order != "C" or (shape is not None and info.shape != shape):
            raise self._damaged(
                f"a frame of {info.dtype} {info.shape} {info.order} where {dtype} {shape or ''} C belongs"
            )
        if info.model_id != model_id:
            raise self._damaged(f"a frame of the model {info.model_id} where one of {model_id} belongs")
        return info

    def _damaged(self, what: str) -> CorruptDataError:
        return CorruptDataError(f"the stream is damaged after row {self.rows}: {what}; have it sent again")
