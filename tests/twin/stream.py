"""Streams of latents, read after docs/format.md, section 14, and nothing else."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field


@dataclass
class Stream:
    """A stream's parts, nothing decoded."""

    kind: str
    itemsize: int
    flags: int
    columns: int
    block_rows: int
    model_id: bytes
    thresholds: list[tuple[int, float]]
    model: bytes | None = None
    frames: list[tuple[int, int, bytes]] = field(default_factory=list)  # first row, rows, frame
    outliers: list[tuple[bytes, bytes]] = field(default_factory=list)  # numbers, rows
    end: tuple[int, int] = (0, 0)


def read(data: bytes) -> Stream:
    """Take a whole stream apart."""
    assert data[:4] == b"BLRS" and data[4] == 1
    kind, itemsize, flags, columns, block_rows = struct.unpack_from("<cBBII", data, 5)
    (n,) = struct.unpack_from("<H", data, 48)
    at = 50 + 9 * n
    thresholds = [struct.unpack_from("<Bd", data, 50 + 9 * i) for i in range(n)]
    assert struct.unpack_from("<I", data, at) == (zlib.crc32(data[:at]),)
    found = Stream(kind.decode(), itemsize, flags, columns, block_rows, data[16:48], thresholds)
    at += 4
    tag = b""
    while tag != b"E":
        tag, (size,) = data[at : at + 1], struct.unpack_from("<I", data, at + 1)
        body = data[at + 5 : at + 5 + size]
        assert struct.unpack_from("<I", data, at + 5 + size) == (zlib.crc32(data[at : at + 5 + size]),)
        at += 9 + size
        if tag == b"M":
            found.model = body
        elif tag == b"F":
            found.frames.append((*struct.unpack_from("<QI", body), body[12:]))
        elif tag == b"O":
            (first,) = struct.unpack_from("<I", body)
            found.outliers.append((body[4 : 4 + first], body[4 + first :]))
        else:
            assert tag == b"E"
            found.end = struct.unpack("<QQ", body)
    assert at == len(data)
    return found
