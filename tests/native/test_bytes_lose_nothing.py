"""The byte coder gives every byte back, leaves noise alone, and refuses what is damaged."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import abi
import numpy as np
import pytest
from abi import BYTES, NativeError, decode_bytes, decode_like, encode, info
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import Zstd
from numpy.typing import NDArray


def items(data: bytes, size: int) -> NDArray[Any]:
    """The bytes as items of no number type, cut to whole ones."""
    return np.frombuffer(data[: len(data) // size * size], f"V{size}")


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 40), st.integers(1, 9), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_any_bytes_come_back(seed: bytes, repeats: int, size: int, kind: int, number: int) -> None:
    rng = np.random.default_rng(number)
    data = seed * repeats
    if kind == 1:
        data += bytes(rng.integers(0, 4, 500, dtype="u1")) + data
    elif kind == 2:
        data += rng.bytes(300) + bytes(700) + data[: len(data) // 2]
    x = items(data, size)
    assert decode_like(encode(x), x).tobytes() == x.tobytes()


def test_text_is_coded_like_zstd_9() -> None:
    vocabulary = ["lattice", "column", "row", "of", "the", "exact", "bound", "model"]
    words = np.random.default_rng(0).choice(vocabulary, 30_000)
    x = items(" ".join(words).encode(), 1)
    frame = encode(x)
    assert info(frame).mode == BYTES
    assert decode_like(frame, x).tobytes() == x.tobytes()
    assert len(frame) < len(Zstd(9).encode(x.tobytes())) * 1.05


def test_records_are_coded_by_their_planes() -> None:
    rng = np.random.default_rng(1)
    records = np.zeros(20_000, [("id", "<i4"), ("flag", "u1"), ("x", "<f4")])
    records["id"], records["flag"] = np.arange(20_000), rng.integers(0, 2, 20_000)
    records["x"] = rng.integers(0, 50, 20_000)
    x = records.view("V9")
    frame = encode(x)
    assert decode_like(frame, x).tobytes() == x.tobytes()
    assert len(frame) < len(zlib.compress(x.tobytes(), 9)) * 0.8


@pytest.mark.parametrize("size", [1, 4])
def test_noise_grows_by_its_header_alone(size: int) -> None:
    x = items(np.random.default_rng(2).bytes(400_000), size)
    frame = encode(x)
    assert len(frame) < x.nbytes + 80
    assert decode_like(frame, x).tobytes() == x.tobytes()


def test_long_repetitions_are_nearly_free() -> None:
    piece = np.random.default_rng(3).bytes(10_000)
    assert len(encode(items(piece * 100, 1))) < len(piece) * 1.03 + 100
    assert len(encode(items(bytes(1_000_000), 3))) < 100


def test_damaged_bytes_are_refused_or_decoded() -> None:
    """With a checksum that fits, as somebody with bad intentions would write them."""
    rng = np.random.default_rng(4)
    x = items(bytes(rng.integers(0, 6, 3000, dtype="u1")) * 2 + bytes(500) + rng.bytes(100), 4)
    frame = encode(x)
    assert info(frame).mode == BYTES
    start, refused = abi.payload_start(frame), 0
    for trial in range(500):
        bad = bytearray(frame[:-4])
        for _ in range(int(rng.integers(1, 4))):
            bad[rng.integers(start, min(len(bad), start + (len(bad) if trial % 2 else 120)))] = rng.integers(256)
        try:
            decode_bytes(bytes(bad) + struct.pack("<I", zlib.crc32(bad)), x.nbytes)
        except NativeError as e:
            refused += 1
            assert e.code in {abi.CORRUPT, abi.BUFFER}, e
    assert refused > 100
