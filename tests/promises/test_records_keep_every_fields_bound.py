"""Guarantees 1 to 6 for structured dtypes: every field has its own bound, and what has none is exact."""

from __future__ import annotations

import json
import pickle
import struct
import zlib

import numpy as np
import pytest
import twin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baler_codec import Baler, ErrorBound, errors, native
from baler_codec.record_bounds import values_of
from baler_codec.records import record_of

from .record_arrays import dtypes, filled, masked_bytes

FAST = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
BOUNDS = st.sampled_from(("abs=1e-3", "abs=2.5", "pw_rel=1e-3", "pw_rel=0.2", "exact"))
NAMED = (errors.CorruptDataError, errors.UnsupportedVersionError, errors.ModelNotFoundError)


def mode_of(frame: bytes) -> str:
    return native.frame_info(np.frombuffer(frame, np.uint8)).mode


def assert_kept(codec: Baler, array: np.ndarray) -> bytes:
    """Every field is inside its bound, every other bit is as it was; returns the frame."""
    frame = codec.encode(array)
    decoded = codec.decode(frame).view(array.dtype)
    assert decoded.shape == array.shape
    record = record_of(array.dtype)
    bounds = codec.settings.field_bounds(array.dtype)
    lossy = [f for f in record.fields if bounds[f.name].kind != "exact"]
    places = [(f.offset, f.end) for f in lossy]
    assert masked_bytes(decoded, places) == masked_bytes(array, places), "bits of exact fields or of padding changed"
    for field in lossy:
        x, y = values_of(array, field.name), values_of(decoded, field.name)
        assert bounds[field.name].check(x, y).all(), field
    assert len(frame) <= native.library().baler_encode_bound(native.describe(array)), "larger than stored"
    return frame


@FAST
@given(dtype=dtypes(), n=st.sampled_from((0, 1, 2, 40, 300)), seed=st.integers(0, 2**32 - 1), bound=BOUNDS)
def test_one_bound_is_for_all_floats(dtype, n, seed, bound):
    array = filled(dtype, n, seed)
    codec = Baler(bound=bound)
    if not any(f.numbers and f.kind == "f" for f in record_of(dtype).fields):
        codec = Baler()
    frame = assert_kept(codec, array)
    assert codec.encode(codec.decode(frame).view(dtype)) == frame, "encoding again gave another frame"


@FAST
@given(dtype=dtypes(), n=st.sampled_from((1, 5, 300)), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_every_field_has_its_own_bound(dtype, n, seed, data):
    array = filled(dtype, n, seed)
    fields = [f for f in record_of(dtype).fields if f.numbers]
    spec = {f.name: data.draw(BOUNDS) for f in fields}
    codec = Baler(bound=spec, dtype=dtype)
    frame = assert_kept(codec, array)
    assert codec.encode(codec.decode(frame).view(dtype)) == frame, "encoding again gave another frame"
    # the settings travel as JSON, and no frame needs them
    config = json.loads(json.dumps(codec.get_config()))
    assert set(config) == {"id", "model", "bound", "stable"}
    del config["id"]
    again = Baler.from_config(config)
    assert again == codec and again.encode(array) == frame and pickle.loads(pickle.dumps(codec)).encode(array) == frame
    assert Baler().decode(frame).tobytes() == codec.decode(frame).tobytes()


@FAST
@given(dtype=dtypes(), n=st.sampled_from((1, 7, 60)), seed=st.integers(0, 2**32 - 1), bound=BOUNDS)
def test_the_twin_decodes_the_same_bits(dtype, n, seed, bound):
    array = filled(dtype, n, seed)
    floats = any(f.numbers and f.kind == "f" for f in record_of(dtype).fields)
    codec = Baler(bound=bound if floats else "exact")
    frame = codec.encode(array)
    assert twin.decode(frame).tobytes() == codec.decode(frame).tobytes()


DTYPE = np.dtype(
    [("pt", ">f4"), ("n", "<i2"), ("wave", "<f4", (6, 3)), ("tag", "S4"), ("in", [("x", "<f8"), ("y", "u1", (2,))])],
    align=True,
)
SPEC = {"pt": "pw_rel=1e-2", "wave": "abs=0.1", "in.x": "abs=0.01", "n": "abs=1"}


def small() -> tuple[Baler, np.ndarray, bytes]:
    array = filled(DTYPE, 60, 3, hard=False)
    array["pt"][::7] = np.nan
    array["wave"][3, 2, 1] = -0.0
    codec = Baler(bound=SPEC, dtype=DTYPE)
    frame = codec.encode(array)
    assert mode_of(frame) == "fields", "the test has lost its subject"
    return codec, array, frame


def test_twin_on_a_wide_field_and_a_table():
    codec, array, frame = small()
    assert_kept(codec, array)
    assert twin.decode(frame).tobytes() == codec.decode(frame).tobytes()


def test_large_chunks_have_many_lanes_and_blocks():
    array = filled(np.dtype([("a", "f4"), ("b", "<i4"), ("c", ">f8")]), 9000, 1, hard=False)
    codec = Baler(bound="abs=0.01")
    frame = assert_kept(codec, array)
    assert mode_of(frame) == "fields" and twin.decode(frame).tobytes() == codec.decode(frame).tobytes()


def test_every_changed_byte_is_noticed():
    codec, _, frame = small()
    expected = codec.decode(frame).tobytes()
    for i in range(len(frame)):
        for bad in (frame[:i] + bytes([frame[i] ^ 0x81]) + frame[i + 1 :], frame[:i]):
            with pytest.raises(NAMED):
                codec.decode(bad)
    with pytest.raises(NAMED):
        codec.decode(frame + b"\0")
    assert codec.decode(frame).tobytes() == expected


def test_forged_frames_end_in_an_error_or_in_an_array():
    codec, _, frame = small()
    for i in range(4, len(frame) - 4):
        for change in (0x01, 0x10, 0x80, 0xFF):
            body = frame[:i] + bytes([frame[i] ^ change]) + frame[i + 1 : -4]
            forged = np.frombuffer(body + struct.pack("<I", zlib.crc32(body)), np.uint8)
            try:
                native.frame_fields(forged)
                if native.frame_info(forged).nbytes <= 1 << 18:
                    codec.decode(forged)
            except NAMED:
                continue


def test_partial_writes_leave_all_other_values_as_they_are():
    codec, _, frame = small()
    chunk = codec.decode(frame).view(DTYPE)
    for round in range(30):
        before = chunk.tobytes()
        chunk["pt"][round] = round
        chunk = codec.decode(codec.encode(chunk)).view(DTYPE)
        after, begin, end = chunk.tobytes(), round * DTYPE.itemsize, (round + 1) * DTYPE.itemsize
        assert (after[:begin], after[end:]) == (before[:begin], before[end:])


def test_records_of_plain_numbers_are_never_larger_than_their_bytes():
    rng = np.random.default_rng(0)
    dtype = np.dtype([("a", "<f8"), ("b", "V3"), ("c", ">i8")])
    array = np.frombuffer(bytearray(rng.bytes(dtype.itemsize * 500)), dtype)
    bytes_alone = Baler().encode(array.view(f"V{dtype.itemsize}"))
    assert len(Baler().encode(array)) <= len(bytes_alone)


def test_fields_together_cost_less_than_bytes():
    array = filled(np.dtype([("a", "f4"), ("b", "f4"), ("n", "i4")]), 4000, 0, hard=False)
    array["b"] = array["a"] * 2
    frame = Baler().encode(array)
    assert len(frame) < 0.75 * len(Baler().encode(array.view("V12")))


def test_padding_costs_next_to_nothing():
    packed = np.dtype([("a", "f4"), ("b", "u1")])
    padded = np.dtype({"names": ["a", "b"], "formats": ["f4", "u1"], "offsets": [8, 3], "itemsize": 32})
    a = filled(packed, 2000, 0, hard=False)
    b = np.zeros(2000, padded)
    b["a"], b["b"] = a["a"], a["b"]
    assert len(Baler(bound="abs=0.1").encode(b)) <= len(Baler(bound="abs=0.1").encode(a)) + 16


def test_decoding_into_an_array_fills_it():
    codec, array, frame = small()
    out = np.zeros_like(array)
    assert codec.decode(frame, out=out) is out
    assert out.tobytes() == codec.decode(frame).tobytes()
    strided = np.zeros(2 * len(array), DTYPE)[::2]
    codec.decode(frame, out=strided)
    record = record_of(DTYPE)
    for name in record.names:  # numpy leaves the padding of strided records alone
        assert values_of(strided, name).tobytes() == values_of(out, name).tobytes()


def test_frames_tell_their_fields():
    _, _, frame = small()
    fields = native.frame_fields(np.frombuffer(frame, np.uint8))
    by_place = {f.offset: f for f in fields}
    record = {f.name: f for f in record_of(DTYPE).fields}
    assert by_place[record["pt"].offset].bound == ErrorBound("pw_rel", 1e-2)
    assert by_place[record["wave"].offset].elements == 18 and by_place[record["pt"].offset].dtype == np.dtype(">f4")
