"""dask works on many chunks at a time; the codec keeps to one thread in each of its workers."""

import numpy as np
import pytest

import baler_codec as baler

da = pytest.importorskip("dask.array", reason="needs the extra dask")
zarr = pytest.importorskip("zarr", minversion="3.0")

DATA = np.random.default_rng(8).normal(size=(4000, 6)).cumsum(0).astype("f4")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_dask_writes_and_reads_zarr_chunk_by_chunk(tmp_path, zarr_format):
    codec = baler.Baler(bound="abs=1e-2")
    options = {"serializer": baler.zarr.BalerCodec(codec)} if zarr_format == 3 else {}
    compressors = None if zarr_format == 3 else codec
    target = zarr.create_array(
        tmp_path / "t.zarr", shape=DATA.shape, chunks=(500, 6), dtype="f4", zarr_format=zarr_format,
        compressors=compressors, **options,
    )  # fmt: skip
    da.store(da.from_array(DATA, chunks=(1000, 6)), target, lock=False, scheduler="threads", num_workers=4)
    found = da.from_zarr(str(tmp_path / "t.zarr")).compute(scheduler="threads", num_workers=4)
    assert np.abs(found.astype("f8") - DATA).max() <= 1e-2
    direct = zarr.create_array({}, shape=DATA.shape, chunks=(500, 6), dtype="f4", zarr_format=zarr_format,
                               compressors=compressors, **options)  # fmt: skip
    direct[...] = DATA
    assert np.array_equal(found, direct[...])


def test_dask_encodes_and_decodes_blocks(tmp_path):
    codec = baler.Baler(bound="abs=1e-2")
    blocks = da.from_array(DATA, chunks=(700, 6))
    there = blocks.map_blocks(lambda x: codec.decode(codec.encode(x)), dtype="f4")
    found = there.compute(scheduler="threads", num_workers=4)
    assert np.abs(found.astype("f8") - DATA).max() <= 1e-2


def test_dask_reads_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("t", DATA.shape, "f4", chunks=(500, 6), **baler.hdf5.Baler(bound="abs=1e-2"))
        baler.hdf5.write(dataset, DATA)
        mean = da.from_array(dataset, chunks=dataset.chunks).mean(0).compute(scheduler="threads", num_workers=4)
    assert np.abs(mean - DATA.mean(0)).max() <= 1.1e-2
