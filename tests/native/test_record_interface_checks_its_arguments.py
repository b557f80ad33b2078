"""The C interface of records: layouts that cannot be are refused, and nothing is read or written past its end."""

from __future__ import annotations

import ctypes

import abi
import numpy as np
import pytest

from baler_codec._binding import Field


def field(kind: bytes, size: int, offset: int, elements: int = 1, bound: tuple[int, float] = (0, 0.0), big: int = 0):
    return Field(kind, big, 0, size, offset, elements, *bound)


def open_model(fields: list[Field], itemsize: int) -> int | None:
    handle = ctypes.c_void_p()
    packed = (Field * max(len(fields), 1))(*fields)
    abi.check(abi.library().baler_model_of_fields(packed, ctypes.c_size_t(len(fields)), itemsize, ctypes.byref(handle)))
    return handle.value


GOOD = [field(b"f", 4, 0, bound=(abi.ABS, 0.01)), field(b"u", 2, 5, elements=3), field(b"V", 7, 11)]


def test_fields_go_in_and_come_back():
    model = open_model(GOOD, 20)
    library = abi.library()
    assert library.baler_model_record(ctypes.c_void_p(model)) == 20
    n, out = ctypes.c_size_t(), (Field * 2)()
    abi.check(library.baler_model_fields(ctypes.c_void_p(model), out, ctypes.c_size_t(2), ctypes.byref(n)))
    assert n.value == 3 and [(f.kind, f.offset, f.elements) for f in out] == [(b"f", 0, 1), (b"u", 5, 3)]
    records = np.zeros(100, "V20")
    records.view("u1").reshape(100, 20)[:, :4] = np.linspace(0, 9, 100, dtype="<f4").view("u1").reshape(100, 4)
    frame = abi.encode(records, model=model)
    assert abi.info(frame).mode == 6
    back = np.frombuffer(abi.decode_bytes(frame, 2000), "u1").reshape(100, 20)
    values = np.ascontiguousarray(back[:, :4]).view("<f4")[:, 0]
    assert np.max(np.abs(values - np.linspace(0, 9, 100, dtype="<f4"))) <= 0.01 and not back[:, 4:].any()
    abi.check(library.baler_frame_fields(frame, ctypes.c_size_t(len(frame)), None, ctypes.c_size_t(0), ctypes.byref(n)))
    assert n.value >= 2
    library.baler_model_release(ctypes.c_void_p(model))


def test_other_frames_and_models_have_no_fields():
    frame = abi.encode(np.arange(100.0))
    n = ctypes.c_size_t(7)
    size = ctypes.c_size_t(len(frame))
    abi.check(abi.library().baler_frame_fields(frame, size, None, ctypes.c_size_t(0), ctypes.byref(n)))
    assert n.value == 0 and abi.library().baler_model_record(None) == 0


def test_records_of_another_size_are_kept_as_bytes():
    model = open_model(GOOD, 20)
    records = np.zeros(50, "V21")
    assert abi.info(abi.encode(records, model=model)).mode in (abi.STORED, abi.BYTES)
    abi.library().baler_model_release(ctypes.c_void_p(model))


@pytest.mark.parametrize(
    "fields,itemsize",
    [
        ([], 8),
        ([field(b"f", 4, 0), field(b"f", 4, 3)], 8),
        ([field(b"f", 4, 4), field(b"f", 4, 0)], 8),
        ([field(b"f", 8, 1)], 8),
        ([field(b"f", 4, 0, elements=0)], 8),
        ([field(b"f", 4, 0, elements=2**31)], 8),
        ([field(b"f", 3, 0)], 8),
        ([field(b"x", 4, 0)], 8),
        ([field(b"u", 1, 0, big=1)], 8),
        ([field(b"f", 4, 0, bound=(abi.ABS, -1.0))], 8),
        ([field(b"f", 4, 0, bound=(abi.PW_REL, 1.0))], 8),
        ([field(b"f", 4, 0, bound=(abi.LATENT, 0.0))], 8),
        ([field(b"f", 4, 0, bound=(9, 1.0))], 8),
        ([field(b"f", 4, 0)], 0),
        ([field(b"f", 4, 0)], 70000),
        ([field(b"u", 1, 0, elements=16), *(field(b"u", 1, 16 * i, elements=16) for i in range(1, 65))], 2000),
    ],
)
def test_layouts_that_cannot_be(fields, itemsize):
    with pytest.raises(abi.NativeError):
        open_model(fields, itemsize)
