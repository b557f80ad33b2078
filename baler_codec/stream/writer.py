"""The writing end of a stream."""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from .. import native
from ..model import Model
from .header import Block, Header
from .wire import END, FRAME, RECORD, crc


class StreamWriter:
    """Writes a stream, record by record; each is flushed, so that it is on its way at once."""

    def __init__(self, file: BinaryIO, header: Header, model: Model | None = None) -> None:
        self._file, self._header = file, header
        self.rows = self.outliers = self.bytes = 0
        self._write(header.pack())
        if model is not None:
            self._record(b"M", bytes(model))

    def block(self, block: Block) -> None:
        """Write a frame and its outliers."""
        self._record(b"F", struct.pack(FRAME, block.first, block.rows) + block.frame)
        self.rows += block.rows
        if len(block.numbers):
            numbers = native.encode(np.ascontiguousarray(block.numbers, "<u8"))
            values = b"" if block.values is None else native.encode(np.ascontiguousarray(block.values))
            self._record(b"O", struct.pack("<I", len(numbers)) + numbers + values)
            self.outliers += len(block.numbers)

    def end(self) -> None:
        """Write what tells the reader that nothing is missing."""
        self._record(b"E", struct.pack(END, self.rows, self.outliers))

    def _record(self, tag: bytes, body: bytes) -> None:
        told = struct.pack(RECORD, tag, len(body)) + body
        self._write(told + crc(told))

    def _write(self, told: bytes) -> None:
        rest = memoryview(told)
        while len(rest):
            written = self._file.write(rest)  # sockets and raw files may take a part
            rest = rest[written:] if written is not None else rest[:0]
        self._file.flush()
        self.bytes += len(told)
