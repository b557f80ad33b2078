"""A damaged frame is refused by name, or gives the values that it always gave. It never crashes and never lies."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import abi
import numpy as np
import pytest
from abi import ABS, PW_REL, Bound, NativeError, decode_bytes, encode, info
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray


def chunks() -> list[tuple[NDArray[Any], Bound]]:
    rng = np.random.default_rng(7)
    table = rng.normal(size=(40, 3)).astype("<f4")
    holes = table.copy()
    holes[rng.random(table.shape) < 0.2] = np.nan
    holes[5, 1] = np.inf
    smooth = np.sin(np.arange(6 * 7 * 8) / 40).reshape(6, 7, 8)
    return [
        (table, Bound(ABS, 1e-2)),
        (holes, Bound(PW_REL, 1e-3)),
        (smooth, Bound(ABS, 1e-4)),
        (np.arange(300, dtype="<i8"), Bound()),
        (np.zeros((20, 5), "<u2"), Bound()),
        (rng.integers(0, 2, 300, dtype="u1").view("V3"), Bound()),
        (rng.integers(0, 2**63, 9, dtype="<u8"), Bound()),
        (np.zeros(0, "<f4"), Bound()),
    ]


FRAMES = [(encode(x, bound), x.nbytes) for x, bound in chunks()]
REFUSALS = {abi.CORRUPT, abi.VERSION, abi.MODEL_MISSING, abi.BUFFER}


def sealed(frame: bytes) -> bytes:
    """The frame with a CRC that fits, as a malicious writer would make it."""
    return frame[:-4] + struct.pack("<I", zlib.crc32(frame[:-4]))


def outcome(frame: bytes, size: int) -> bytes | None:
    """The values, or None when the frame is refused properly."""
    try:
        return decode_bytes(frame, size)
    except NativeError as e:
        assert e.code in REFUSALS, e
        assert len(str(e)) > 20
        return None


@pytest.mark.parametrize("which", range(len(FRAMES)))
def test_every_flipped_byte_is_found(which: int) -> None:
    frame, size = FRAMES[which]
    for i in range(len(frame)):
        for mask in (1, 0x80, 0xFF):
            damaged = frame[:i] + bytes([frame[i] ^ mask]) + frame[i + 1 :]
            assert outcome(damaged, size) is None


@pytest.mark.parametrize("which", range(len(FRAMES)))
def test_every_truncation_and_extension_is_found(which: int) -> None:
    frame, size = FRAMES[which]
    for n in range(len(frame)):
        assert outcome(frame[:n], size) is None
        if n >= 24:
            assert outcome(sealed(frame[:n]), size) is None
    assert outcome(frame + b"\0", size) is None


@pytest.mark.parametrize("which", range(len(FRAMES)))
def test_flipped_bytes_under_a_fitting_crc_never_crash(which: int) -> None:
    frame, size = FRAMES[which]
    for i in range(len(frame) - 4):
        for mask in (1, 2, 0x40, 0x80, 0xFF):
            outcome(sealed(frame[:i] + bytes([frame[i] ^ mask]) + frame[i + 1 :]), size)


@given(st.sampled_from(FRAMES), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=1500, deadline=None)
def test_several_changed_bytes_never_crash(frame_and_size: tuple[bytes, int], changes: list[tuple[int, int]]) -> None:
    frame, size = frame_and_size
    damaged = bytearray(frame)
    for at, value in changes:
        damaged[at % len(frame)] = value
    outcome(sealed(bytes(damaged)), size)


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_arbitrary_payloads_never_crash(payload: bytes) -> None:
    for mode in (1, 4):
        for exceptions in (0, 1):
            header = b"BLRC" + bytes([1, mode, ord("f"), 8, 4, 2, 1]) + struct.pack("<d", 1e-3)
            size = bytes([len(payload)]) if len(payload) < 128 else bytes([len(payload) & 127 | 128, len(payload) >> 7])
            header += size + bytes([exceptions, 10, 2])
            outcome(sealed(header + payload + b"\0\0\0\0"), 80)


def test_the_header_is_what_the_format_says() -> None:
    x = np.ones((40, 3), "<f4", order="F")
    frame = encode(x, Bound(ABS, 0.25))
    assert frame[:8] == b"BLRC" + bytes([1, 5, ord("f"), 2 | 8])
    assert frame[8:11] == bytes([4, 2, ABS]) and struct.unpack("<d", frame[11:19]) == (0.25,)
    assert frame[19:23] == bytes([len(frame) - 27, 0, 40, 3])
    assert struct.unpack("<I", frame[-4:]) == (zlib.crc32(frame[:-4]),)


@pytest.mark.parametrize(("place", "number", "said"), [(4, 0, "version 0"), (4, 9, "version 9"), (5, 7, "mode 7")])
def test_another_version_and_a_later_mode_are_named(place: int, number: int, said: str) -> None:
    frame = bytearray(FRAMES[0][0])
    frame[place] = number
    with pytest.raises(NativeError, match=said) as e:
        info(sealed(bytes(frame)))
    assert e.value.code == abi.VERSION


def test_a_buffer_of_the_wrong_size_is_refused() -> None:
    frame, size = FRAMES[0]
    for n in (0, size - 1, size + 1):
        with pytest.raises(NativeError) as e:
            decode_bytes(frame, n)
        assert e.value.code == abi.BUFFER


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (Bound(ABS, float("nan")), "finite"),
        (Bound(ABS, -1.0), "not negative"),
        (Bound(ABS, float("inf")), "finite"),
        (Bound(PW_REL, 1.0), "below 1"),
        (Bound(abi.LATENT), "autoencoder"),
        (Bound(77, 1.0), "unknown kind"),
    ],
)
def test_impossible_bounds_are_refused(bound: Bound, text: str) -> None:
    with pytest.raises(NativeError, match=text) as e:
        encode(np.zeros(3, "<f4"), bound)
    assert e.value.code == abi.ARGUMENT
