"""Guarantee 6: a changed byte, a missing end, a byte too many are named errors, never other numbers."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import models
import numpy as np
import pytest
import twin

from baler_codec import Baler, Model, errors, native

from .frames import sealed, varint
from .hard_arrays import make
from .samples import random_case

NAMED = (errors.CorruptDataError, errors.UnsupportedVersionError, errors.ModelNotFoundError, errors.ModelInvalidError)
CHANGES = (0x01, 0x80, 0xFF)
LARGE = 1 << 18


def _latent_case():
    model, table, _ = random_case(3, "f4", 40, n_latents=2, latent_only=True)
    return Baler(Model.from_bytes(model.pack())), table


def _model_case(seed=0):
    model, table, _ = random_case(seed, "f4", 60)
    return Baler(Model.from_bytes(model.pack())), table


def _related():
    a, b = np.random.default_rng(0).integers(0, 40, (2, 60))
    return np.stack([a, b * 100, a + b * 100], axis=1).astype("f4")


def _spoilt(array):
    array[::7] = np.nan
    return array


CASES = {
    "stored": lambda: (Baler(), np.frombuffer(np.random.default_rng(0).bytes(160), "f8")),
    "built-in": lambda: (Baler(bound="abs=0.1"), _spoilt(_related())),
    "model": _model_case,
    "latent": _latent_case,
    "bytes": lambda: (Baler(), np.frombuffer(b"one two three " * 16, "V14")),
}


def frames() -> list:
    return [pytest.param(mode, case, id=mode) for mode, case in CASES.items()]


def noticed(codec: Baler, frame: bytes, expected: bytes) -> bool:
    """Whether a damaged frame gives a named error. Identical numbers are no harm either."""
    try:
        decoded = codec.decode(frame)
    except NAMED:
        return True
    assert np.ascontiguousarray(decoded).tobytes() == expected, "damage gave other numbers"
    return False


@pytest.mark.parametrize("mode,case", frames())
def test_every_byte_and_every_end_of_a_frame(mode, case):
    codec, array = case()
    frame = codec.encode(array)
    assert native.frame_info(np.frombuffer(frame, np.uint8)).mode == mode, "the test has lost its subject"
    expected = np.ascontiguousarray(codec.decode(frame)).tobytes()
    for i in range(len(frame)):
        for change in CHANGES:
            assert noticed(codec, frame[:i] + bytes([frame[i] ^ change]) + frame[i + 1 :], expected)
        assert noticed(codec, frame[:i], expected)
    for tail in (b"\0", b"\xff" * 5, frame):
        assert noticed(codec, frame + tail, expected)


@pytest.mark.parametrize("mode,case", frames())
def test_forged_frames_end_in_an_error_or_in_an_array(mode, case):
    """With a CRC that fits, anything may be claimed; nothing may crash or hang, or reach past the frame."""
    codec, array = case()
    frame = codec.encode(array)
    for i in range(4, len(frame) - 4):
        for change in CHANGES:
            body = frame[:i] + bytes([frame[i] ^ change]) + frame[i + 1 : -4]
            forged = body + struct.pack("<I", zlib.crc32(body))
            try:
                claimed = native.frame_info(np.frombuffer(forged, np.uint8)).nbytes
                if claimed <= LARGE:  # constant data of any size fit into few bytes: a larger claim may be true
                    assert codec.decode(forged).nbytes == claimed
            except NAMED:
                continue


def test_a_frame_of_another_version_says_so():
    frame = bytearray(Baler().encode(np.arange(9)))
    frame[4] = 7
    with pytest.raises(errors.UnsupportedVersionError, match="7"):
        Baler().decode(bytes(frame))


def test_every_byte_and_every_end_of_a_model():
    """A damaged model is refused, or is another model by name, whose frames do not decode with it."""
    model, table, _ = random_case(3, "f4", 60, n_latents=1)
    good = model.pack()
    codec = Baler(Model.from_bytes(good))
    frame = np.frombuffer(codec.encode(table), np.uint8)
    out = np.empty_like(table)
    step = max(1, len(good) // 600)
    for i in range(0, len(good), step):
        for bad in (good[:i] + bytes([good[i] ^ CHANGES[i % 3]]) + good[i + 1 :], good[:i]):
            try:
                handle = native.NativeModel(bad)
            except NAMED:
                continue
            with pytest.raises(errors.ModelNotFoundError):
                native.decode(frame, out, model=handle)


def test_forged_models_end_in_an_error_or_in_an_array():
    """A damaged model under its true name: whatever it says, decoding ends."""
    model, table, _ = random_case(3, "f4", 60, n_latents=1)
    good = model.pack()
    handle = native.NativeModel(good)
    frame = native.encode(table, model=handle)
    at = frame.find(np.frombuffer(bytes.fromhex(Model.from_bytes(good).id[7:]), np.uint8).tobytes())
    assert at > 0
    rng = np.random.default_rng(0)
    out = np.empty_like(table)
    for _ in range(400):
        bad = bytearray(good)
        for i in rng.integers(20, len(good), int(rng.integers(1, 4))):
            bad[i] = int(rng.choice([0, 0xFF, 0x7F, 0x80, bad[i] ^ 1]))
        try:
            other = native.NativeModel(bytes(bad))
            digest = bytes.fromhex(Model.from_bytes(bytes(bad)).id[7:])
        except NAMED:
            continue
        body = frame[:at] + digest + frame[at + 32 : -4]
        forged = np.frombuffer(body + struct.pack("<I", zlib.crc32(body)), np.uint8)
        try:
            native.decode(forged, out, model=other)
            again = np.empty_like(table)
            native.decode(forged, again, model=other)
            assert again.tobytes() == out.tobytes()
        except NAMED:
            continue
        # and it may be used for writing, at its own cost
        written = np.frombuffer(native.encode(table, model=other), np.uint8)
        native.decode(written, out, model=other)


@pytest.mark.parametrize(
    "path", sorted((Path(native.__file__).parent / "models").glob("*.baler")), ids=lambda p: p.stem
)
def test_shipped_models_changed_anywhere_are_refused_or_prove_sound(path):
    """Packed tables, and networks of a size that is used: opening ends, and what opens can write and read."""
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        bad = bytearray(good)
        i = int(rng.integers(8, len(good)))
        bad[i] ^= int(rng.integers(1, 256))
        try:
            handle = native.NativeModel(bytes(bad))
        except NAMED:
            continue
        table = make(0, "f4", (40, handle.shape[0]), 0.05)
        frame = np.frombuffer(native.encode(table, model=handle), np.uint8)
        native.decode(frame, np.empty_like(table), model=handle)


def test_a_model_that_is_not_there_is_named():
    model, table, _ = random_case(1, "f4", 300)
    codec = Baler(Model.from_bytes(model.pack()), embed=False)
    frame = codec.encode(table)
    with pytest.raises(errors.ModelNotFoundError, match="sha256:"):
        native.decode(np.frombuffer(frame, np.uint8), np.empty_like(table))


def test_a_model_beyond_a_rule_is_invalid_by_name():
    model, _, _ = random_case(1, "f4", 20)
    variable = next(iter(model.nets))
    net = model.nets[variable]
    layer = models.Layer(
        np.full_like(net.layers[-1].weight, 32767), np.full_like(net.layers[-1].bias, 1 << 30), net.layers[-1].shift
    )
    model.nets[variable] = models.Net(net.inputs, [*net.layers[:-1], layer], net.skip)
    with pytest.raises(errors.ModelInvalidError):
        native.NativeModel(model.pack())


def test_sizes_that_nothing_backs_are_refused_at_once():
    """A header may claim 128 TiB; memory is not asked for on its word."""
    for dtype in ("f4", "i8"):
        frame = Baler(bound="abs=1").encode(make(0, dtype, (500, 2), 0.0))
        claimed = (1 << 46) // np.dtype(dtype).itemsize // 2
        shape = varint(500) + varint(2)
        assert shape in frame[:30]
        body = frame[:-4].replace(shape, varint(claimed) + varint(2), 1)
        with pytest.raises(NAMED):
            Baler().decode(sealed(body))


@pytest.mark.parametrize(
    "bound", [(models.PW_REL, 1.0), (models.PW_REL, 1e300), (models.ABS, -1.0), (models.EXACT, 1.0)]
)
def test_a_model_of_an_impossible_bound_is_refused(bound):
    model = models.Model(bounds=[(models.ABS, 0.5), bound]).pack()
    with pytest.raises(errors.CorruptDataError, match="bound"):
        native.NativeModel(model)
    with pytest.raises(twin.ModelInvalidError, match="bound"):
        twin.read_model(model)
