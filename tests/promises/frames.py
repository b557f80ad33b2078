"""Frames put together by hand, from format.md section 1."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def varint(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def sealed(body: bytes) -> bytes:
    """With its CRC."""
    return body + struct.pack("<I", zlib.crc32(body))


def framed(
    mode: int,
    flags: int,
    dtype: np.dtype,
    shape: tuple[int, ...],
    bound: tuple[int, float],
    n_exceptions: int,
    payload: bytes,
    model_id: bytes = b"",
) -> bytes:
    """A whole frame."""
    head = b"BLRC" + bytes([1, mode, ord(dtype.kind), flags]) + varint(dtype.itemsize) + bytes([len(shape), bound[0]])
    head += struct.pack("<d", bound[1]) if bound[0] else b""
    numbers = b"".join(varint(n) for n in (len(payload), n_exceptions, *shape))
    return sealed(head + numbers + model_id + payload)
