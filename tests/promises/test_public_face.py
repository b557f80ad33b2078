"""The lines that users copy: each works as it is printed."""

import numpy as np
import pytest
from models import ABS, EXACT, random_model

import baler_codec as baler
from baler_codec.sections import join_sections, pack_meta, split_sections

h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr", minversion="3.0")

NAMES = ["pt", "eta", "n"]


@pytest.fixture
def t():
    rng = np.random.default_rng(5)
    return np.stack([rng.exponential(20, 5000), rng.normal(0, 2, 5000), rng.integers(0, 30, 5000)], 1).astype("f4")


@pytest.fixture
def model(t, tmp_path, monkeypatch):
    """A model file in the working directory, as training would leave it."""
    monkeypatch.chdir(tmp_path)
    raw = random_model(np.random.default_rng(1), t, [(ABS, 0.05), (ABS, 1e-3), (EXACT, 0.0)]).pack()
    meta = pack_meta({"columns": [{"name": name} for name in NAMES], "ranges": [[0, 200], [-8, 8], [0, 29]]})
    baler.Model.from_bytes(join_sections(split_sections(raw) | {"META": meta})).save("jets.baler")
    return baler.load("jets.baler")


def kept(model, t, got):
    return all(b.check(t[:, i], np.asarray(got)[:, i]).all() for i, b in enumerate(model.bounds))


def test_a_model_is_loaded_by_file_and_id_and_says_what_it_is(model):
    assert baler.load(model.id) is model
    assert model.id.startswith("sha256:") and list(model.columns) == NAMES
    assert model.bound["pt"] == baler.ErrorBound("abs", 0.05) and model.provenance == {}
    m = model.with_bound({"pt": "abs=0.01"})
    assert m.bound["pt"] == baler.ErrorBound("abs", 0.01) and m.bound["eta"] == model.bound["eta"]
    assert str(model.with_bound("range=1e-3").bound["pt"]) == "abs=0.2"


def test_zarr_format_2(model, t):
    z = zarr.open("jets.zarr", mode="w", shape=t.shape, chunks=(2048, 3), dtype="f4", zarr_format=2,
                  compressor=baler.Baler(model))  # fmt: skip
    z[:] = t
    assert kept(model, t, zarr.open("jets.zarr")[...])


def test_zarr_format_3(model, t):
    z = zarr.create_array("jets3.zarr", shape=t.shape, chunks=(2048, 3), dtype="f4",
                          serializer=baler.zarr.BalerCodec(model), compressors=None)  # fmt: skip
    z[:] = t
    assert kept(model, t, zarr.open("jets3.zarr")[...])


def test_hdf5(model, t):
    with h5py.File("jets.h5", "w") as file:
        file.create_dataset("jets", data=t, chunks=(2048, 3), **baler.hdf5.Baler(model))
        file.create_dataset("plain", data=t, chunks=(2048, 3), compression=35745,
                            compression_opts=baler.hdf5.Baler(model).filter_options)  # fmt: skip
    with h5py.File("jets.h5") as file:
        assert kept(model, t, file["jets"][...]) and kept(model, t, file["plain"][...])
    assert isinstance(baler.hdf5.PLUGIN_PATH, str)


def test_all_containers_hold_the_same_bytes(model, t):
    with h5py.File("one.h5", "w") as file:
        d = file.create_dataset("jets", data=t, chunks=t.shape, **baler.hdf5.Baler(model))
        in_hdf5 = d.id.read_direct_chunk((0, 0))[1]
    z2 = zarr.create_array({}, shape=t.shape, chunks=t.shape, dtype="f4", zarr_format=2, compressors=baler.Baler(model))
    z3 = zarr.create_array({}, shape=t.shape, chunks=t.shape, dtype="f4", serializer=baler.zarr.BalerCodec(model),
                           compressors=None)  # fmt: skip
    z2[:] = z3[:] = t
    chunks = [z2.store._store_dict["0.0"].to_bytes(), z3.store._store_dict["c/0/0"].to_bytes()]
    assert chunks == [in_hdf5, in_hdf5] == [baler.Baler(model).encode(t)] * 2


def test_without_a_model(t):
    for codec, bounds in [
        (baler.Baler(bound="abs=1e-3"), ["abs=1e-3"] * 3),
        (baler.Baler(bound=["pw_rel=1e-3", "abs=1e-2", "exact"]), ["pw_rel=1e-3", "abs=1e-2", "exact"]),
        (baler.Baler(bound="abs=1e-3", stable=False), ["abs=1e-3"] * 3),
    ]:
        got = codec.decode(codec.encode(t))
        assert all(baler.ErrorBound.parse(b).check(t[:, i], got[:, i]).all() for i, b in enumerate(bounds))
