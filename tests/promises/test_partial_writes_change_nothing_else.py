"""Guarantee 3 where it matters: many writes into one chunk of a Zarr array or an HDF5 dataset."""

from __future__ import annotations

import numpy as np
import pytest

import baler_codec as baler

from .hard_arrays import assert_inside, bits, make

WRITES = 50


def zarr_2(path, data, bound):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        str(path / "a.zarr"),
        shape=data.shape,
        chunks=data.shape,
        dtype=data.dtype,
        zarr_format=2,
        compressors=baler.Baler(bound=bound),
    )
    array[...] = data
    return array


def zarr_3(path, data, bound):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        str(path / "a.zarr"),
        shape=data.shape,
        chunks=data.shape,
        dtype=data.dtype,
        zarr_format=3,
        serializer=baler.zarr.BalerCodec(bound=bound),
        compressors=None,
    )
    array[...] = data
    return array


class _Reopened:
    """An HDF5 dataset, closed and opened again for every access, so that every write goes through the filter."""

    def __init__(self, path):
        self.path = path

    def __getitem__(self, where):
        import h5py

        with h5py.File(self.path) as file:
            return file["a"][where]

    def __setitem__(self, where, values):
        import h5py

        with h5py.File(self.path, "r+") as file:
            file["a"][where] = values


def hdf5(path, data, bound):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / "a.h5", "w") as file:
        file.create_dataset("a", data=data, chunks=data.shape, **baler.hdf5.Baler(bound=bound))
    return _Reopened(path / "a.h5")


@pytest.mark.parametrize("bound", ["abs=1e-2", "pw_rel=1e-3", "exact"])
@pytest.mark.parametrize("store", [zarr_2, zarr_3, hdf5])
def test_fifty_writes_into_one_chunk(store, bound, tmp_path):
    rng = np.random.default_rng(0)
    truth = make(1, "f4", (400, 4), 0.02)
    stored = store(tmp_path, truth, bound)
    now = stored[...]
    assert_inside(truth, now, baler.ErrorBound.parse(bound))
    for i in range(WRITES):
        first = int(rng.integers(0, 390))
        where = (
            slice(first, first + int(rng.integers(1, 10))),
            slice(*sorted(rng.choice(5, 2, replace=False).tolist())),
        )
        new = make(100 + i, "f4", truth[where].shape, 0.1)
        truth[where] = new
        stored[where] = new
        after = stored[...]
        expected = now.copy()
        expected[where] = after[where]
        np.testing.assert_array_equal(bits(after), bits(expected), f"write {i} moved a value outside of it")
        now = after
    assert_inside(truth, now, baler.ErrorBound.parse(bound))
