"""Patches of frames as latents: shapes come back, native and twin agree, and what is not finite is exact."""

from __future__ import annotations

import hashlib
import struct
import zlib

import numpy as np
import pytest
import twin
from models import Variable, random_net

from baler_codec import Baler, ErrorBound, Model, native
from baler_codec.errors import BalerError, BoundError, CorruptDataError, ShapeError
from baler_codec.sections import join_sections, pack_bounds, pack_meta

Z, BEFORE, RAW = 0, 6, 4


def patched(seed: int, patch: tuple[int, ...], latents: int, order: int, low: float = -3.0, high: float = 3.0) -> bytes:
    """A model of patches with random networks."""
    rng = np.random.default_rng(seed)
    cells = int(np.prod(patch))
    names = [cells + i for i in range(latents)]
    x = np.linspace(low, high, 4).astype("f4")
    out = struct.pack(f"<HBB{len(patch)}H", latents, len(patch), order, *patch)
    out += struct.pack("<B", 4) + x.tobytes() + np.array([-32, -10, 10, 32], "i1").tobytes()
    out += b"".join(Variable(-40.0, 50.0, (-40.0, 50.0), (-24, 24), unit=1.0).pack() for _ in names)
    for i, _ in enumerate(names):
        inputs = [(Z, 0, e) for e in names[:i]] + [(RAW, 3, e) for e in names[:i]] + [(BEFORE, 0, e) for e in names]
        out += random_net(rng, inputs, 2).pack()
    out += random_net(rng, [(Z, 0, c) for c in range(cells)], latents).pack()
    out += random_net(rng, [(RAW, 8, e) for e in names], cells).pack()
    sections = {"META": pack_meta({}), "BNDS": pack_bounds([ErrorBound("latent")]), "PTCH": out}
    return join_sections(sections)


def frames(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    g = np.random.default_rng(seed)
    x = np.cumsum(g.normal(size=shape), axis=-1)
    return (x * 3).astype(dtype) if np.dtype(dtype).kind == "f" else np.abs(x * 3).astype(dtype)


CASES = [
    ((4, 4), (7, 13, 9), "f4"),
    ((4, 4), (8, 8), "u1"),
    ((8, 8), (2, 3, 5, 6), ">f8"),
    ((3, 5), (40, 11, 12), "i2"),
    ((2, 2, 2), (2, 5, 4, 3), "f4"),
    ((16,), (3, 50), "f2"),
    ((4, 4), (1, 1, 1), "f4"),
]


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(("patch", "shape", "dtype"), CASES)
def test_decoders_agree_on_every_shape_type_and_memory_order(patch, shape, dtype, order):
    raw = patched(len(shape), patch, 3, order)
    codec = Baler(Model.from_bytes(raw))
    for x in (frames(1, shape, dtype), np.asfortranarray(frames(2, shape, dtype))):
        frame = bytes(codec.encode(x))
        native_values = np.empty(shape, x.dtype, order="F" if x.flags.f_contiguous and x.ndim > 1 else "C")
        codec.decode(frame, out=native_values)
        other = twin.decode(frame, raw)
        assert native_values.tobytes("K") == np.asarray(other).astype(x.dtype).tobytes("K")
        if x.size > 50:
            assert native.frame_info(np.frombuffer(frame, np.uint8)).mode == "latent"


def test_values_that_are_not_finite_come_back_exactly():
    x = frames(3, (5, 10, 10), "f4")
    x[1, 2:5, 3], x[4, 9, 9], x[0, 0, 0] = np.nan, np.inf, -np.inf
    codec = Baler(Model.from_bytes(patched(5, (4, 4), 2, 0)))
    y = np.asarray(codec.decode(codec.encode(x))).reshape(x.shape)
    odd = ~np.isfinite(x)
    assert np.array_equal(x[odd], y[odd], equal_nan=True) and np.isfinite(y[~odd]).all()


def test_latents_of_another_encoder_decode_to_the_same_values():
    raw = patched(9, (4, 4), 3, 1)
    model, x = Model.from_bytes(raw), frames(4, (6, 9, 9), "f4")
    latents = model.native().encode_latents(x, patches=6 * 9)
    own = native.encode(x, model=model.native())
    assert bytes(native.encode(x, model=model.native(), latents=latents)) == bytes(own)
    wild = np.random.default_rng(1).integers(-20, 20, latents.shape).astype(np.int32)
    frame = bytes(native.encode(x, model=model.native(), latents=wild))
    y = np.asarray(Baler(model).decode(frame)).reshape(x.shape)
    assert np.array_equal(y, twin.decode(frame, raw), equal_nan=True)


def test_a_model_of_patches_says_what_it_is_and_keeps_no_bound():
    model = Model.from_bytes(patched(2, (4, 6), 5, 0))
    assert (model.patch, model.latents, model.n_columns, model.trained) == ((4, 6), 5, 0, True)
    assert model.native().shape == (0, 5) and "4 x 6" in repr(model)
    with pytest.raises(BoundError, match="latents alone"):
        model.with_bound("abs=1")
    with pytest.raises(ShapeError, match="axes"):
        Baler(model).encode(np.zeros(9, "f4"))


def test_every_damaged_byte_of_the_section_is_refused_or_harmless():
    raw = bytearray(patched(7, (4, 4), 2, 0))
    begin = raw.index(b"PTCH") + 12
    x = frames(1, (2, 9, 9), "f4")
    for at in [*range(begin, begin + 200), *range(begin + 200, len(raw), 17)]:
        hurt = bytes(raw[:at]) + bytes([raw[at] ^ 0x81]) + bytes(raw[at + 1 :])
        try:
            codec = Baler(Model.from_bytes(hurt))
            y = codec.decode(codec.encode(x))
        except BalerError:
            continue
        assert np.asarray(y).size == x.size


def test_a_frame_of_patches_needs_a_chunk_that_has_them():
    raw = patched(1, (4, 4), 2, 0)
    frame = bytearray(bytes(Baler(Model.from_bytes(raw)).encode(frames(1, (20, 12, 12), "f4"))))
    frame[5] = 2  # model mode
    with pytest.raises(CorruptDataError):
        Baler(Model.from_bytes(raw)).decode(bytes(frame))


def test_forged_frames_end_in_an_error_or_in_an_array():
    """With a CRC that fits, anything may be claimed: shapes, rows, latents."""
    codec = Baler(Model.from_bytes(patched(3, (4, 4), 2, 1)))
    frame = bytes(codec.encode(frames(1, (9, 6, 7), "f4")))
    for at in range(4, len(frame) - 4):
        for change in (1, 0x80, 0xFF):
            body = frame[:at] + bytes([frame[at] ^ change]) + frame[at + 1 : -4]
            forged = body + struct.pack("<I", zlib.crc32(body))
            try:
                claimed = native.frame_info(np.frombuffer(forged, np.uint8)).nbytes
                if claimed <= 1 << 18:
                    assert codec.decode(forged).nbytes == claimed
            except BalerError:
                continue


def test_frames_under_a_forged_model_decode_alike_or_not_at_all():
    """A damaged model under its true name: native and twin refuse it, or read the same from it."""
    raw, x = patched(6, (3, 4), 2, 0), frames(1, (3, 7, 9), "f4")
    frame = bytes(Baler(Model.from_bytes(raw)).encode(x))
    at, begin = frame.index(hashlib.sha256(raw).digest()), raw.index(b"PTCH") + 12
    rng, both = np.random.default_rng(0), 0
    for _ in range(150):
        hurt = bytearray(raw)
        place = int(rng.integers(begin, begin + 60 if rng.random() < 0.3 else len(raw)))
        hurt[place] = int(rng.choice([0, 0xFF, 0x7F, 0x80, hurt[place] ^ 1]))
        body = frame[:at] + hashlib.sha256(hurt).digest() + frame[at + 32 : -4]
        forged = body + struct.pack("<I", zlib.crc32(body))
        out = np.empty_like(x)
        try:
            native.decode(np.frombuffer(forged, np.uint8), out, model=native.NativeModel(bytes(hurt)))
        except BalerError:
            with pytest.raises(ValueError):
                twin.decode(forged, bytes(hurt))
            continue
        both += 1
        assert np.array_equal(out, twin.decode(forged, bytes(hurt)), equal_nan=True)
    assert both > 10
