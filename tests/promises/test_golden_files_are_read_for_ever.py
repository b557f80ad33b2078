"""What was written once is read the same by every later release, and by the decoder of the specification."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import twin
import twin.stream

from baler_codec import Baler, Model, stream

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = sorted(p.stem for p in FIXTURES.glob("*.frame"))


def raw(array: np.ndarray) -> tuple[object, tuple[int, ...], bytes]:
    """Records are bytes to the codec, and single bytes are numbers to it."""
    kind = array.dtype.str if array.dtype.kind in "fi" else array.itemsize
    return kind, array.shape, array.tobytes()


def contents(name: str) -> tuple[bytes, np.ndarray, dict, bytes | None]:
    path = FIXTURES / name
    model = path.with_name(name + ".baler")
    about = json.loads(path.with_name(name + ".json").read_text())
    decoded = np.load(path.with_name(name + ".npy"))
    return path.with_name(name + ".frame").read_bytes(), decoded, about, model.read_bytes() if model.exists() else None


def test_none_is_gone():
    """What is added raises the number; nothing ever lowers it."""
    assert len(NAMES) >= 68
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_frames(name):
    frame, expected, about, model = contents(name)
    codec = Baler.from_config(about["config"])
    assert codec.get_config() == about["config"]
    decoded = codec.decode(frame)
    assert raw(decoded) == raw(expected)
    order = "F" if twin.read_frame(frame).fortran else "C"
    assert hashlib.sha256(decoded.tobytes(order)).hexdigest() == about["sha256"]
    assert raw(twin.decode(frame, model)) == raw(expected)
    if model is not None:
        assert (
            about["config"]["model"]["id"]
            == "sha256:" + hashlib.sha256(model).hexdigest()
            == Model.from_bytes(model).id
        )


def test_a_stream_of_latents():
    told = (FIXTURES / "latents.blrs").read_bytes()
    expected = np.load(FIXTURES / "latents-values.npy")
    assert np.concatenate(list(stream.read(io.BytesIO(told)))).tobytes() == expected.tobytes()
    found = twin.stream.read(told)
    assert found.end == (300, 43) and len(found.frames) == 3 and found.model is not None
    values = np.concatenate([twin.decode(frame, found.model)[:rows] for _, rows, frame in found.frames])
    for numbers, rows in found.outliers:
        values[twin.decode(numbers, None).astype(int)] = twin.decode(rows, None)
    assert values.tobytes() == expected.tobytes()


def test_hdf5():
    h5py = pytest.importorskip("h5py")
    with h5py.File(FIXTURES / "tables.h5") as file:
        for name, dataset in file.items():
            if not isinstance(dataset, h5py.Dataset):
                continue  # where the models lie
            _, expected, about, _ = contents(name)
            assert raw(dataset[...]) == raw(np.ascontiguousarray(expected)), name
            assert list(dataset.id.get_create_plist().get_filter(0)[2])[: len(about["cd_values"])] == about["cd_values"]


@pytest.mark.parametrize("layout", [2, 3])
def test_zarr(layout):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("baler_codec.zarr")  # which names its codec, also where nothing is installed
    arrays = dict(zarr.open_group(str(FIXTURES / f"tables-{layout}.zarr"), mode="r").arrays())
    assert arrays
    for name, array in arrays.items():
        expected = contents(name)[1].astype(array.dtype, order="C")  # format 3 knows no byte order
        assert raw(np.asarray(array[...])) == raw(expected), name
