"""What every part of a stream has: a length that is checked, and a CRC (docs/format.md, section 14)."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from ..errors import CorruptDataError

RECORD, FRAME, END = "<cI", "<QI", "<QQ"
_PIECE = 1 << 20


def crc(told: bytes) -> bytes:
    """Return the four bytes that follow what they are for."""
    return struct.pack("<I", zlib.crc32(told))


def check(file: BinaryIO, told: bytes, what: str, rows: int = 0) -> None:
    """Read the CRC of what was read before."""
    if exactly(file, 4, what, rows) != crc(told):
        raise CorruptDataError(
            f"the stream is damaged after row {rows}: the CRC of {what} is wrong; have it sent again"
        )


def exactly(file: BinaryIO, size: int, what: str, rows: int = 0) -> bytes:
    """Read so many bytes, however few come at a time."""
    found = bytearray()
    while len(found) < size:  # in pieces: a length that lies must not take memory before the bytes are there
        piece = file.read(min(size - len(found), _PIECE))
        if not piece:
            raise CorruptDataError(
                f"the stream ends early, after row {rows}, {len(found)} of {size} bytes into {what}: "
                "the sender stopped, or the line broke; have it sent again"
            )
        found += piece
    return bytes(found)
