"""Every kind of file gives the same table, with names, and says what was done to it."""

import json

import numpy as np
import pytest

from baler_codec.errors import BalerError, DTypeError, ShapeError
from baler_codec.io import open_source, split_address

TABLE = np.random.default_rng(1).normal(10, 3, (50, 3)).astype("f4")
NAMES = ("pt", "eta", "n_hits")


def test_npy_is_mapped_and_equal(tmp_path):
    np.save(tmp_path / "x.npy", TABLE)
    with open_source(tmp_path / "x.npy") as source:
        assert isinstance(source.values, np.memmap)
        assert np.array_equal(source.load(), TABLE)
        assert source.columns == () and source.names == ("column 0", "column 1", "column 2")


@pytest.mark.parametrize("label", ["names", "columns"])
def test_npz_with_one_array_and_names(tmp_path, label):
    np.savez(tmp_path / "x.npz", data=TABLE, **{label: np.array(NAMES)})
    with open_source(tmp_path / "x.npz") as source:
        assert source.columns == NAMES
        assert np.array_equal(source.load(), TABLE)


def test_columns_are_chosen_by_name_and_pattern(tmp_path):
    np.savez(tmp_path / "x.npz", data=TABLE, names=np.array(NAMES))
    with open_source(tmp_path / "x.npz", ["n_*", "pt"]) as source:
        assert source.columns == ("n_hits", "pt")
        assert np.array_equal(source.load(), TABLE[:, [2, 0]])
    with pytest.raises(BalerError, match="no column 'mass'; there are pt, eta, n_hits"):
        open_source(tmp_path / "x.npz", ["mass"])


def test_npz_columns_of_mixed_types_become_the_smallest_exact_float(tmp_path):
    pt, n = TABLE[:, 0], np.arange(50, dtype="i4")
    np.savez(tmp_path / "x.npz", pt=pt, n=n)
    with open_source(tmp_path / "x.npz") as source:
        assert source.dtype == np.float32 and source.columns == ("pt", "n")
        assert np.array_equal(source.load()[:, 1], n)
        assert "n (int32)" in source.notes[0] and "float32" in source.notes[0]
    np.savez(tmp_path / "y.npz", pt=pt, n=n + 2**24)
    with open_source(tmp_path / "y.npz") as source:
        assert source.dtype == np.float64
        assert np.array_equal(source.load()[:, 1], n + 2**24)


def test_integers_that_no_float_holds_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", pt=TABLE[:, 0], event=np.arange(50) + 2**53)
    with pytest.raises(DTypeError, match="'event' holds integers up to"):
        open_source(tmp_path / "x.npz")


def test_columns_of_one_type_keep_it(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(5, dtype="i8") + 2**60, b=np.arange(5, dtype="i8"))
    with open_source(tmp_path / "x.npz") as source:
        assert source.dtype == np.int64 and not source.notes


def test_arrays_of_different_lengths_need_a_choice(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(5), b=np.zeros((3, 4)))
    with pytest.raises(ShapeError, match=r"a \(5,\), b \(3, 4\)"):
        open_source(tmp_path / "x.npz")
    with open_source(f"{tmp_path / 'x.npz'}:b") as source:
        assert source.shape == (3, 4)


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(BalerError, match=r"x\.npy"):
        open_source(tmp_path / "x.npy")


def test_hdf5_dataset_group_and_compound(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["jets/table"] = TABLE
        file["jets/table"].attrs["column_names"] = json.dumps(NAMES)
        file["columns/pt"] = TABLE[:, 0]
        file["columns/pt"].attrs["units"] = "GeV"
        file["columns/n"] = np.arange(50, dtype="u1")
        file["compound"] = np.zeros(50, [("a", "f4"), ("b", "f4")])
    with open_source(f"{tmp_path / 'x.h5'}:/jets/table") as source:
        assert source.columns == NAMES
        assert np.array_equal(source.load(), TABLE)
        assert [len(block) for _, block in source.blocks(20)] == [20, 20, 10]
    with open_source(f"{tmp_path / 'x.h5'}:columns", ["pt", "n"]) as source:
        assert source.columns == ("pt", "n") and source.units == {"pt": "GeV"} and source.dtype == np.float32
    with open_source(f"{tmp_path / 'x.h5'}:compound") as source:
        assert source.columns == ("a", "b") and source.shape == (50, 2)
    with pytest.raises(BalerError, match=r"there are columns/n, columns/pt, compound, jets/table; write .*:NAME"):
        open_source(tmp_path / "x.h5")
    with pytest.raises(BalerError, match="no object 'nothing'"):
        open_source(f"{tmp_path / 'x.h5'}:nothing")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_array_and_group(tmp_path, zarr_format):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "x.zarr"), mode="w", zarr_format=zarr_format)
    group.create_array("table", data=TABLE, attributes={"column_names": json.dumps(NAMES)})
    with open_source(tmp_path / "x.zarr") as source:
        assert source.columns == NAMES
    group.create_array("pt", data=TABLE[:, 0])
    group.create_array("n", data=np.arange(50))
    with open_source(f"{tmp_path / 'x.zarr'}:/table") as source:
        assert np.array_equal(source.load(), TABLE)
    with open_source(tmp_path / "x.zarr", ["pt", "n"]) as source:
        assert source.columns == ("pt", "n") and source.shape == (50, 2)


@pytest.mark.parametrize("dot", ["_", "."])
def test_root_trees_flat_and_jagged(tmp_path, dot):
    uproot, ak = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    counts = [0, 2, 1, 3]
    pt = ak.unflatten(np.arange(6, dtype="f4"), counts)
    with uproot.recreate(tmp_path / "x.root") as file:
        jets = {"Jet": ak.zip({"pt": pt, "n": ak.values_astype(pt, "i4")}), "met": np.arange(4, dtype="f4")}
        flat = {"x": np.arange(5.0), "y": np.arange(5, dtype="i4")}
        if dot == "_":
            for name, columns in (("Events", jets), ("flat", flat)):
                file.mktree(name, {n: ak.type(ak.Array(c)).content for n, c in columns.items()}).extend(columns)
        else:
            for name, columns in (("Events", jets), ("flat", flat)):
                file.mkrntuple(name, columns)
    with open_source(f"{tmp_path / 'x.root'}:flat") as source:
        assert source.columns == ("x", "y") and source.dtype == np.float64 and source.shape == (5, 2)
    with open_source(f"{tmp_path / 'x.root'}:Events", [f"Jet{dot}*"]) as source:
        assert source.columns == (f"Jet{dot}pt", f"Jet{dot}n")
        assert np.array_equal(source.load()[:, 0], np.arange(6))
        assert "flattened to 6 rows" in source.notes[0]
    with pytest.raises(ShapeError, match=r"met have one value an entry, Jet.pt have lists"):
        open_source(f"{tmp_path / 'x.root'}:Events", ["met", f"Jet{dot}pt"])
    with pytest.raises(BalerError, match="several trees; there are Events, flat"):
        open_source(tmp_path / "x.root")
    with pytest.raises(BalerError, match="no tree 'events'"):
        open_source(f"{tmp_path / 'x.root'}:events")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"1 2 3", "unknown kind of file"),
        ("x.npz", b"PK nothing", "not readable as npz"),
        ("x.npy", b"\x93NUMPY", "not readable as npy"),
        ("x.h5", b"no HDF5", "not readable as HDF5"),
        ("x.root", b"no ROOT", "not readable as a ROOT file"),
    ],
)
def test_damaged_and_unknown_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BalerError, match=message) as error:
        open_source(tmp_path / name)
    assert name in str(error.value)


def test_addresses(tmp_path):
    (tmp_path / "a:b.npy").touch()
    assert split_address(tmp_path / "a:b.npy") == (tmp_path / "a:b.npy", "")
    assert split_address("d/x.h5:/g/x") == split_address("d/x.h5:/g/x")
    assert [str(p) for p in split_address("d/x.h5:/g/x")] == ["d/x.h5", "/g/x"]
    assert split_address("C:/x.npy")[1] == ""
    with pytest.raises(BalerError, match="no such file"):
        open_source(tmp_path / "gone.npy")
