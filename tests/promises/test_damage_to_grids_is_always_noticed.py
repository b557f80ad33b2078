"""Guarantee 6 for grids; and what is forged with a CRC that fits means the same to both decoders."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import twin
from twin.grid_scans import AXES, PARITY, RASTER, SLICES

from baler_codec import Baler
from baler_codec.errors import CorruptDataError, UnsupportedVersionError

from .fields import frame_of, make_field
from .grid_chance import random_frame
from .hard_arrays import bits
from .test_damage_is_always_noticed import CHANGES, LARGE, noticed


def _masked() -> np.ndarray:
    array = make_field(3, "f4", (12, 14), "rough", "odd")
    array[2:5, 3:9] = 1e20
    return array


def _packed() -> np.ndarray:
    """Numbers that were packed with a step of their own, where the bound does not know it."""
    return (np.rint(make_field(4, "f8", (13, 13)) * 50) * 0.013 + 250).astype("f8")


def _written(bound: str, array: np.ndarray, stable: bool = True) -> bytes:
    return Baler(bound=bound, stable=stable).encode(array)


CASES = {
    "masked": lambda: _written("abs=0.02", _masked()),
    "closed": lambda: _written("abs=0.1", make_field(6, "f4", (26, 30)), stable=False),
    "volume": lambda: _written("abs=2", make_field(5, "i2", (5, 6, 7), "rough") * np.int16(9)),
    "packed": lambda: _written("exact", _packed()),
    "stream 1": lambda: random_frame(1, (70,), AXES, False),
    "stream 2": lambda: random_frame(22, (6, 9), PARITY, True),
    "stream 3": lambda: random_frame(3, (3, 4, 6), SLICES, False),
    "stream 4": lambda: random_frame(9, (4, 17), RASTER, False),
}


def made(name: str) -> bytes:
    frame = CASES[name]()
    assert frame_of(frame).mode == "grid", "the test has lost its subject"
    return frame


@pytest.mark.parametrize("name", CASES)
def test_every_byte_and_every_end_of_a_frame(name):
    frame, codec = made(name), Baler()
    expected = np.ascontiguousarray(codec.decode(frame)).tobytes()
    for i in range(len(frame)):
        for change in CHANGES:
            assert noticed(codec, frame[:i] + bytes([frame[i] ^ change]) + frame[i + 1 :], expected)
        assert noticed(codec, frame[:i], expected)
    for tail in (b"\0", b"\xff" * 5, frame):
        assert noticed(codec, frame + tail, expected)


@pytest.mark.parametrize("name", CASES)
def test_forged_frames_mean_the_same_to_both_decoders(name):
    frame, codec = made(name), Baler()
    rng = np.random.default_rng(0)
    first = len(frame) - 4 - frame_of(frame).payload_bytes
    places = rng.permutation(np.arange(first, len(frame) - 4))[:90]
    for i in [5, 7, *places.tolist()]:
        body = frame[:i] + bytes([frame[i] ^ int(rng.integers(1, 256))]) + frame[i + 1 : -4]
        forged = body + struct.pack("<I", zlib.crc32(body))
        try:
            found = codec.decode(forged) if frame_of(forged).nbytes <= LARGE else None
        except (CorruptDataError, UnsupportedVersionError):
            found = None
        try:
            expected = twin.decode(forged)
        except (twin.CorruptDataError, twin.UnsupportedVersionError):
            expected = None
        assert (found is None) == (expected is None), f"byte {i}"
        if found is not None:
            np.testing.assert_array_equal(bits(found), bits(expected))
