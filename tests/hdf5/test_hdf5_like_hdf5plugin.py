"""What h5py's users expect of a filter class: hdf5plugin's own checks, run against ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import baler_codec as baler
from baler_codec import hdf5

OPTIONS: list[dict[str, Any]] = [
    {},
    {"bound": "abs=1e-6"},
    {"bound": "pw_rel=1e-6"},
    {"bound": "exact"},
    {"bound": "abs=1e-6", "stable": False},
    {"bound": ["abs=1e-6"] * 9 + ["exact"]},
]


@pytest.fixture
def their_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The write-and-read check that hdf5plugin runs for each of its filters."""
    pytest.importorskip("hdf5plugin")
    import hdf5plugin
    import hdf5plugin.test as theirs

    monkeypatch.setitem(theirs.compression_name_to_class, "baler", hdf5.Baler)
    monkeypatch.setitem(hdf5plugin.FILTERS, "baler", hdf5.Baler.filter_id)
    case = theirs.BaseTestHDF5PluginRW()
    case.setUpClass()
    yield case._test
    case.tearDownClass()


@pytest.mark.parametrize("dtype", [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)] + ["f2", "f4", "f8"])
def test_every_number_passes_the_check_of_hdf5plugin(their_test: Any, dtype: str) -> None:
    code, _, words, name = their_test("baler", dtype=dtype)
    assert code == 35745 and b"baler" in name
    assert words[:13] == hdf5.Baler().filter_options
    assert words[13:19] == (ord(dtype[0]), int(dtype[1]), 0, 2, 100, 10), "type and chunk's shape follow"


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_option_passes_the_check_of_hdf5plugin(their_test: Any, options: dict[str, Any], dtype: str) -> None:
    words = their_test("baler", dtype=dtype, lossless=not options, options=options)[2]
    assert words[:13] == hdf5.Baler(**options).filter_options


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_dataset_gives_back_the_filter_it_was_written_with(options: dict[str, Any]) -> None:
    made = hdf5.Baler(**options)
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        data = np.random.default_rng(0).random((40, 10)).astype("f4")
        dataset = file.create_dataset("x", data=data, chunks=(10, 10), compression=made)
        found = dataset.id.get_create_plist().get_filter(0)[2]
    again = hdf5.Baler._from_filter_options(found)
    assert again == made and again.filter_options == made.filter_options
    assert hdf5.Baler(**again.get_config()) == made
    assert hdf5.Baler._from_filter_options(made.filter_options) == made
    assert again.get_config() == made.get_config()


def test_a_filter_is_what_h5py_takes_in_both_spellings() -> None:
    filter_ = hdf5.Baler(bound="abs=0.5")
    assert isinstance(filter_, h5py.filters.FilterRefBase)
    assert set(filter_) == {"compression", "compression_opts"} and len(filter_) == 2
    assert (hdf5.Baler.filter_id, hdf5.Baler.filter_name, hdf5.FILTER_ID) == (35745, "baler", 35745)
    data = np.linspace(0, 9, 500).astype("f4")
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        file.create_dataset("a", data=data, **filter_)
        file.create_dataset("b", data=data, compression=filter_)
        file.create_dataset("c", data=data, compression=35745, compression_opts=filter_.filter_options)
        file.require_dataset("d", data.shape, "f4", **filter_)[...] = data
        first = file["a"].id.read_direct_chunk((0,))
        for name in "abcd":
            assert file[name].id.read_direct_chunk((0,)) == first
            assert '"abs=0.5"' in file[name].attrs["baler_compression"]


@pytest.mark.parametrize("dims", [1, 2, 3, 4])
@pytest.mark.parametrize("bound", [1e-1, 1e-3, 1e-5])
def test_the_absolute_bound_holds_on_random_numbers(dims: int, bound: float) -> None:
    data = np.random.default_rng(dims).random((60, 10, 7, 3)[:dims]).astype("f4")
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("x", data=data, compression=hdf5.Baler(bound=f"abs={bound}"))
        file.flush()
        assert np.abs(dataset[()].astype("f8") - data).max() <= bound


@pytest.mark.parametrize("kind", ["fixed", "bool", "enum", "opaque"])
def test_other_items_come_back_bit_for_bit(tmp_path: Path, kind: str) -> None:
    dtypes = {"fixed": "S7", "bool": "?", "enum": h5py.enum_dtype({"a": 1, "b": 2}, "i2"), "opaque": "V5"}
    raw = np.random.default_rng(2).integers(1, 2, 7 * 300).astype("u1").tobytes()
    dtype = np.dtype(dtypes[kind])
    data = np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=data, dtype=dtype, chunks=(50,), **hdf5.Baler(bound="abs=1"))
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["x"][()].tobytes() == data.tobytes()


def test_registering_again_works_with_force_and_after_removal() -> None:
    assert hdf5.register() is False
    assert hdf5.register(force=True) is True
    h5py.h5z.unregister_filter(hdf5.FILTER_ID)
    try:
        assert hdf5.register(force=True)
    finally:
        hdf5.register(force=True)
    assert h5py.h5z.filter_avail(hdf5.FILTER_ID)
    assert h5py.h5z.get_filter_info(hdf5.FILTER_ID) == 3, "it encodes and decodes"


def test_filters_made_with_equal_settings_are_equal() -> None:
    assert hdf5.Baler() == hdf5.Baler(bound="exact")
    assert hdf5.Baler(bound="abs=1") != hdf5.Baler(bound="abs=2")
    assert hdf5.Baler(bound="abs=1") != hdf5.Baler(bound="abs=1", stable=False)
    assert hdf5.Baler(bound="abs=1") != baler.Baler(bound="abs=1")
