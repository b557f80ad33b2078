"""Rows outside a threshold are sent as they are; with them in place every row keeps it."""

import io

import h5py
import numpy as np
import pytest
import zarr

from baler_codec import Baler, ErrorBound, stream
from baler_codec.errors import ConfigError, CorruptDataError

ADDRESSES = [("t.h5", 3), ("t.zarr", 3), ("t.zarr:x", 2)]


def inside(bounds, given, found):
    return np.stack([ErrorBound.parse(b).check(given[:, i], found[:, i]) for i, b in enumerate(bounds)], 1)


@pytest.mark.parametrize("address, zarr_format", ADDRESSES)
@pytest.mark.parametrize(
    "threshold", ["abs=1", ["abs=1", "abs=2", "pw_rel=0.99", "abs=2", "abs=100"]], ids=["one", "each"]
)
def test_every_row_keeps_the_threshold_with_outliers_in_place(
    model, rows, sent, tmp_path, address, zarr_format, threshold
):
    told = sent(rows, model, threshold=threshold)
    stream.store(io.BytesIO(told), tmp_path / address, zarr_format=zarr_format)
    back = stream.with_outliers(tmp_path / address)
    bounds = [threshold] * 5 if isinstance(threshold, str) else threshold
    assert inside(bounds, rows, back).all()
    plain = np.concatenate(list(Baler(model).decode(b.frame)[: b.rows] for b in stream.StreamReader(io.BytesIO(told))))
    wrong = np.flatnonzero(~inside(bounds, rows, plain).all(1))
    name = address.partition(":")[2] or "data"
    path = tmp_path / address.partition(":")[0]
    group = h5py.File(path) if path.suffix == ".h5" else zarr.open_group(str(path), mode="r")
    numbers, values = group[f"{name}_outliers/row"][...], group[f"{name}_outliers/values"][...]
    assert len(wrong) > 10 and np.array_equal(numbers, wrong) and numbers.dtype == np.uint64
    assert np.ascontiguousarray(values).tobytes() == rows[wrong].tobytes()
    right = np.delete(np.arange(len(rows)), wrong)
    assert np.array_equal(back[right], plain[right]) and (len(right) > 10)
    assert np.array_equal(np.concatenate(list(stream.read(io.BytesIO(told)))), back, equal_nan=True)
    if path.suffix == ".h5":
        group.close()


def test_many_outliers_are_stored_in_whole_chunks(jets, sent, tmp_path):
    told = sent(jets, "cms_jets_ae", threshold="exact", block_rows=1000)
    stream.store(io.BytesIO(told), tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5") as file:
        assert len(file["data_outliers/row"]) == 9000
    assert stream.with_outliers(tmp_path / "t.h5").tobytes() == jets.tobytes()


def test_few_outliers_of_real_jets_and_their_cost(jets, sent):
    without, beside = sent(jets, "cms_jets_ae"), sent(jets, "cms_jets_ae", threshold="range=1e-2")
    found = sum(len(b.numbers) for b in stream.StreamReader(io.BytesIO(beside)))
    assert 0 < found < 200 and len(beside) - len(without) < found * 96 + 9000


def test_flags_alone_are_numbers_without_rows(model, rows, sent, tmp_path):
    both, flags = sent(rows, model, threshold="abs=1"), sent(rows, model, threshold="abs=1", raw=False)
    assert len(flags) < len(both)
    for one, other in zip(stream.StreamReader(io.BytesIO(both)), stream.StreamReader(io.BytesIO(flags)), strict=True):
        assert np.array_equal(one.numbers, other.numbers) and other.values is None and one.frame == other.frame
    for name in ("t.h5", "t.zarr"):
        stream.store(io.BytesIO(flags), tmp_path / name)
        with pytest.raises(ConfigError, match="numbers of outliers alone"):
            stream.with_outliers(tmp_path / name)
    with h5py.File(tmp_path / "t.h5") as file:
        assert list(file["data_outliers"]) == ["row"] and len(file["data_outliers/row"]) > 10


def test_a_threshold_that_all_rows_keep_leaves_an_empty_array(model, rows, sent, tmp_path):
    ordinary = np.abs(rows[20:600]) + 1
    for name in ("t.h5", "t.zarr"):
        stream.store(io.BytesIO(sent(ordinary, model, threshold="abs=1e6")), tmp_path / name)
        assert stream.with_outliers(tmp_path / name).shape == (580, 5)


def test_who_did_not_look_for_outliers_has_none(model, rows, sent, tmp_path):
    stream.store(io.BytesIO(sent(rows, model)), tmp_path / "t.h5")
    with pytest.raises(ConfigError, match="had no threshold"):
        stream.with_outliers(tmp_path / "t.h5")


def test_outliers_of_another_array_are_noticed(model, rows, sent, tmp_path):
    stream.store(io.BytesIO(sent(rows, model, threshold="abs=1")), tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "a") as file:
        file["data_outliers/row"][0] = 99999
    with pytest.raises(CorruptDataError, match="does not belong to data"):
        stream.with_outliers(tmp_path / "t.h5")
