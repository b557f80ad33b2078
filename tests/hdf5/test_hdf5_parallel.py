"""Chunks coded beside HDF5 on several threads: the bytes of the filter pipeline, and h5py's own ways where it must."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from hdf5_checks import forget_model

import baler_codec
from baler_codec import errors, hdf5, native
from baler_codec.hdf5 import _chunks, _parallel

RANDOM = np.random.default_rng(11)
RECORDS = np.dtype({"names": ["e", "n", "tag"], "formats": ["<f4", ">i2", "S3"], "offsets": [4, 8, 11], "itemsize": 20})


def records(n: int) -> npt.NDArray[Any]:
    made = np.frombuffer(RANDOM.bytes(n * RECORDS.itemsize), RECORDS).copy()  # the gaps hold something, too
    made["e"], made["n"], made["tag"] = RANDOM.normal(size=n), np.arange(n), b"mu"
    return made


DATA: dict[str, npt.NDArray[Any]] = {
    "table f4": RANDOM.normal(size=(1000, 5)).cumsum(0).astype("f4"),
    "table f8 big": RANDOM.normal(size=(300, 4)).astype(">f8"),
    "column f2": RANDOM.normal(size=777).astype("f2"),
    "cube": RANDOM.normal(size=(21, 34, 33)).cumsum(2).astype("f4"),
    "five axes": RANDOM.integers(0, 50, (3, 4, 5, 6, 7)).astype("i2"),
    "u1": RANDOM.integers(0, 9, (100, 90)).astype("u1"),
    "i8 big": RANDOM.integers(-(2**60), 2**60, 500).astype(">i8"),
    "u4": np.arange(5000, dtype="u4"),
    "bool": np.arange(1000) % 3 == 0,
    "complex": np.exp(1j * np.arange(640)).astype("c8"),
    "strings": np.array([b"muon", b"", b"electron"] * 40),
    "long double": np.arange(150, dtype=np.longdouble) / 3,
    "records": records(400),
    "specials": np.array([np.nan, -0.0, np.inf, 5e-324, 1e300, -1] * 50),
    "fortran": np.asfortranarray(RANDOM.normal(size=(64, 40)).astype("f4")),
    "steps": RANDOM.normal(size=(200, 6)).astype("f4")[::2, ::-1],
}
CHUNKS = {1: (64,), 2: (70, 3), 3: (8, 16, 32), 5: (2, 3, 4, 4, 7)}


def chunks_of(dataset: Any) -> dict[tuple[int, ...], tuple[int, bytes]]:
    dataset.file.flush()
    found: list[tuple[int, ...]] = []
    if dataset.id.get_num_chunks():
        dataset.id.chunk_iter(lambda info: found.append(info.chunk_offset))
    return {at: dataset.id.read_direct_chunk(at) for at in found}


@pytest.fixture
def file(tmp_path: Path) -> Any:
    # no chunk cache: it gives back values that were not coded yet
    with h5py.File(tmp_path / "t.h5", "w", rdcc_nbytes=0) as opened:
        yield opened


def pair(file: Any, **options: Any) -> tuple[Any, Any]:
    return tuple(file.create_dataset(name, **options) for name in ("ours", "theirs"))  # type: ignore[return-value]


def only_beside(monkeypatch: pytest.MonkeyPatch, dataset: Any) -> None:
    """Make reading and writing through h5py an error."""

    def refuse(self: Any, *arguments: Any) -> None:
        raise AssertionError("left to h5py")

    monkeypatch.setattr(h5py.Dataset, "__setitem__", refuse)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", refuse)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("stable", [True, False])
@pytest.mark.parametrize("name", DATA)
def test_chunks_are_those_of_the_pipeline(file: Any, name: str, stable: bool, threads: int) -> None:
    data = DATA[name]
    bound = "abs=0.01" if data.dtype.kind == "f" and data.dtype.itemsize <= 8 else "exact"
    options = {"shape": data.shape, "dtype": data.dtype, "chunks": tuple(map(min, CHUNKS[data.ndim], data.shape))}
    ours, theirs = pair(file, **options, compression=hdf5.Baler(bound=bound, stable=stable))
    theirs[...] = data
    with pytest.MonkeyPatch.context() as patch:
        only_beside(patch, ours)
        hdf5.write(ours, data, threads=threads)
        found = hdf5.read(theirs, threads=threads)
    assert chunks_of(ours) == chunks_of(theirs) and len(chunks_of(ours)) > 1
    expected = theirs[...]
    assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("fill", [-999, None, np.nan])
@pytest.mark.parametrize("fill_time", ["ifset", "never", "alloc"])
def test_edges_are_filled_as_hdf5_fills_them(file: Any, fill: Any, fill_time: str) -> None:
    options = {"shape": (50, 7), "dtype": "f4", "chunks": (40, 4), "fillvalue": fill, "fill_time": fill_time}
    ours, theirs = pair(file, **options, compression=hdf5.Baler(bound="abs=1e-3"))
    theirs[...] = data = RANDOM.normal(size=(50, 7)).astype("f4")
    hdf5.write(ours, data)
    assert chunks_of(ours) == chunks_of(theirs)


def test_records_with_bounds_and_models_in_files(file: Any, tmp_path: Path) -> None:
    data = records(500)
    bounded = hdf5.Baler(bound={"e": "abs=0.01"}, dtype=RECORDS)
    ours, theirs = pair(file, shape=500, dtype=RECORDS, chunks=(128,), compression=bounded)
    theirs[...] = data
    hdf5.write(ours, data)
    assert chunks_of(ours) == chunks_of(theirs)
    assert hdf5.read(ours).tobytes() == theirs[...].tobytes()


def test_models_are_used_and_found_in_the_file(
    tmp_path: Path, table: npt.NDArray[np.float32], model: baler_codec.Model
) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        ours, theirs = pair(file, shape=table.shape, dtype="f4", chunks=(128, 3), compression=hdf5.Baler(model))
        theirs[...] = table
        hdf5.write(ours, table)
        assert chunks_of(ours) == chunks_of(theirs)
    native.library().baler_cache_clear()
    with h5py.File(tmp_path / "m.h5") as file:
        found = hdf5.read(file["ours"])
        assert found.tobytes() == file["theirs"][...].tobytes()


def test_a_missing_model_is_named(tmp_path: Path, table: npt.NDArray[np.float32], model: baler_codec.Model) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        hdf5.write(file.create_dataset("t", shape=table.shape, dtype="f4", **hdf5.Baler(model)), table)
    forget_model(tmp_path / "m.h5", model)
    code = f"""
import h5py, baler_codec as baler
try: baler.hdf5.read(h5py.File({str(tmp_path / "m.h5")!r})["t"])
except baler.errors.ModelNotFoundError as error: print(error)
"""
    assert model.id in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


SELECTIONS: list[Any] = [
    (),
    ...,
    slice(None),
    slice(3, 90),
    slice(-20, None),
    5,
    -1,
    np.int64(7),
    (slice(10, 60), slice(1, 3)),
    (..., 2),
    (slice(20, 41), 0),
    (7, slice(2, 4)),
    (slice(64, 128), ...),
]


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_boxes_are_read_and_written_beside_hdf5(file: Any, selection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = RANDOM.normal(size=(101, 5)).astype("f4")
    after = RANDOM.normal(size=(101, 5)).astype("f4")[selection]
    ours, theirs = pair(file, data=before, chunks=(32, 2), compression=hdf5.Baler(bound="abs=1e-2"))
    expected = theirs[selection]
    theirs[selection] = after
    with monkeypatch.context() as patch:
        only_beside(patch, ours)
        found = hdf5.read(ours, selection)
        hdf5.write(ours, after, selection)
    assert found.shape == expected.shape and found.tobytes() == expected.tobytes()
    assert chunks_of(ours) == chunks_of(theirs)


@pytest.mark.parametrize(
    "selection", [np.s_[::2], np.s_[[1, 4, 9]], np.s_[np.arange(101) % 2 == 0], np.s_[3, 3], np.s_[5:5], np.s_[True]]
)
def test_other_selections_are_left_to_h5py(file: Any, selection: Any) -> None:
    dataset = file.create_dataset("t", data=DATA["table f4"][:101], chunks=(32, 2), **hdf5.Baler(bound="abs=1e-2"))
    assert np.array_equal(hdf5.read(dataset, selection), dataset[selection])
    hdf5.write(dataset, np.zeros_like(dataset[selection]), selection)
    assert not np.any(dataset[selection])


@pytest.mark.parametrize("selection", [200, np.s_[0, 0, 0], "field", np.s_[..., ...]])
def test_selections_that_h5py_refuses_are_refused(file: Any, selection: Any) -> None:
    dataset = file.create_dataset("t", data=DATA["table f4"][:101], chunks=(32, 2), **hdf5.Baler(bound="abs=1e-2"))
    with pytest.raises((ValueError, IndexError, TypeError)):
        hdf5.read(dataset, selection)
    with pytest.raises((ValueError, IndexError, TypeError)):
        hdf5.write(dataset, 0, selection)


@pytest.mark.parametrize("given", ["f8", ">f4", "i4", "u8", "f2", "i1"])
@pytest.mark.parametrize("kept", ["f4", ">f8", "i2", "f2"])
def test_numbers_are_converted_as_hdf5_converts_them(file: Any, given: str, kept: str) -> None:
    data = (RANDOM.normal(size=(90, 4)) * 1e4).astype(given)
    if data.dtype.kind == "f":
        data[:3] = [[np.inf], [-0.0], [np.finfo(data.dtype).max]]
    ours, theirs = pair(file, shape=(90, 4), dtype=kept, chunks=(32, 3), compression=hdf5.Baler())
    theirs[...] = data
    hdf5.write(ours, data)
    assert chunks_of(ours) == chunks_of(theirs)


def test_what_was_not_written_is_the_fill_value(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = file.create_dataset("t", (100, 8), "f4", chunks=(16, 8), fillvalue=7, **hdf5.Baler(bound="abs=1e-3"))
    only_beside(monkeypatch, dataset)
    assert np.array_equal(hdf5.read(dataset), np.full((100, 8), 7, "f4"))
    hdf5.write(dataset, np.ones((20, 8), "f4"), np.s_[30:50])
    found = hdf5.read(dataset)
    assert np.abs(found[30:50] - 1).max() <= 1e-3 and np.abs(np.delete(found, np.s_[30:50], 0) - 7).max() <= 1e-3
    assert dataset.id.get_num_chunks() == 3
    sparse = file.create_dataset("n", (100,), "f4", chunks=(16,), fill_time="never", **hdf5.Baler())
    monkeypatch.undo()
    assert hdf5.read(sparse).shape == (100,)


def test_chunks_that_skipped_the_filter_are_read(file: Any) -> None:
    data = RANDOM.normal(size=(64, 4)).astype("f4")
    dataset = file.create_dataset("t", data=data, chunks=(32, 4), **hdf5.Baler())
    dataset.id.write_direct_chunk((32, 0), data[32:].tobytes(), filter_mask=1)
    assert np.array_equal(hdf5.read(dataset), data) and np.array_equal(dataset[...], data)


def test_other_filters_in_the_pipeline_are_left_to_hdf5(file: Any) -> None:
    data = RANDOM.integers(0, 99, (100, 8)).astype("i4")
    for name, options in {
        "shuffle": {"shuffle": True, **hdf5.Baler()},
        "fletcher32": {"fletcher32": True, **hdf5.Baler()},
        "gzip alone": {"compression": "gzip"},
        "none": {},
    }.items():
        dataset = file.create_dataset(name, data.shape, data.dtype, chunks=(30, 8), **options)
        assert _chunks.Chunks.of(dataset) is None
        hdf5.write(dataset, data)
        assert np.array_equal(hdf5.read(dataset), data) and np.array_equal(dataset[...], data)


def test_datasets_without_chunks_are_left_to_h5py(file: Any) -> None:
    scalar = file.create_dataset("scalar", data=3.5)
    empty = file.create_dataset("empty", data=h5py.Empty("f4"))
    contiguous = file.create_dataset("contiguous", data=np.arange(5))
    none = file.create_dataset("none", (0, 4), "f4", chunks=(8, 4), maxshape=(None, 4), **hdf5.Baler())
    assert hdf5.read(scalar) == 3.5 and isinstance(hdf5.read(empty), h5py.Empty)
    assert np.array_equal(hdf5.read(contiguous), np.arange(5)) and hdf5.read(none).shape == (0, 4)
    hdf5.write(scalar, 4.5)
    hdf5.write(none, np.zeros((0, 4), "f4"))
    assert scalar[()] == 4.5 and none.id.get_num_chunks() == 0


def test_types_that_are_not_numpys_are_left_to_h5py(file: Any) -> None:
    words = file.create_dataset("words", 4, h5py.string_dtype(length=6), chunks=(2,), **hdf5.Baler())
    nested = file.create_dataset("nested", 6, np.dtype(("f4", (3,))), chunks=(2,), **hdf5.Baler())
    hdf5.write(words, np.array([b"a", b"bc", b"", b"defghi"]))
    hdf5.write(nested, np.ones((6, 3), "f4"))
    assert list(words[...]) == [b"a", b"bc", b"", b"defghi"] == list(hdf5.read(words))
    assert np.array_equal(hdf5.read(nested), np.ones((6, 3)))


def test_edges_that_hdf5_keeps_raw_are_left_to_it(file: Any) -> None:
    lib = _chunks._libhdf5()
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((32,))
    plist.set_filter(hdf5.FILTER_ID, 0, hdf5.Baler().filter_options)
    assert lib.H5Pset_chunk_opts(ctypes.c_int64(plist.id), ctypes.c_uint(2)) >= 0
    made = h5py.h5d.create(file.id, b"t", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((50,)), plist)
    dataset = h5py.Dataset(made)
    assert _chunks.Chunks.of(dataset) is None
    hdf5.write(dataset, np.arange(50, dtype="f4"))
    assert np.array_equal(hdf5.read(dataset), np.arange(50)) and np.array_equal(dataset[...], np.arange(50))


def test_what_h5py_has_in_its_cache_is_seen(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cached.h5", "w") as file:
        dataset = file.create_dataset("t", (64, 4), "f4", chunks=(32, 4), **hdf5.Baler())
        dataset[3, 2] = 5
        assert hdf5.read(dataset)[3, 2] == 5
        hdf5.write(dataset, np.full((1, 4), 2, "f4"), np.s_[3:4])
        dataset[4] = 9
        assert np.array_equal(hdf5.read(dataset)[2:6], np.repeat([[0], [2], [9], [0]], 4, 1))
        assert np.array_equal(dataset[2:6], hdf5.read(dataset, np.s_[2:6]))


def test_resized_datasets_are_read_and_written(file: Any) -> None:
    ours, theirs = pair(
        file, data=DATA["table f4"][:50], maxshape=(None, 5), chunks=(32, 3), fillvalue=1, **hdf5.Baler(bound="abs=0.1")
    )
    for dataset in (ours, theirs):
        dataset.resize((40, 5))
        dataset.resize((90, 5))
    data = DATA["table f4"][100:150]
    theirs[40:] = data
    hdf5.write(ours, data, np.s_[40:])
    assert chunks_of(ours) == chunks_of(theirs)
    assert hdf5.read(ours).tobytes() == theirs[...].tobytes()


def test_damage_is_named(file: Any) -> None:
    dataset = file.create_dataset("t", data=DATA["table f4"], chunks=(100, 5), **hdf5.Baler())
    _, frame = dataset.id.read_direct_chunk((300, 0))
    dataset.id.write_direct_chunk((300, 0), frame[:-9] + b"\0" + frame[-8:])
    with pytest.raises(errors.CorruptDataError):
        hdf5.read(dataset, threads=3)
    dataset.id.write_direct_chunk((300, 0), b"short", filter_mask=1)
    with pytest.raises(OSError, match="unfiltered chunk of 5 bytes"):
        hdf5.read(dataset)


@pytest.mark.parametrize("threads", [0, -1])
def test_senseless_numbers_of_threads_are_refused(file: Any, threads: int) -> None:
    dataset = file.create_dataset("t", data=DATA["table f4"], chunks=(100, 5), **hdf5.Baler())
    with pytest.raises(ValueError, match="threads"):
        hdf5.read(dataset, threads=threads)


def test_few_chunks_are_in_memory_at_a_time() -> None:
    begun = itertools.count()
    places = [(i,) for i in range(100)]

    def work(at: tuple[int, ...]) -> int:
        return next(begun)

    done = _parallel._in_order(work, places, 3)
    assert next(done)[0] == (0,)
    assert next(begun) <= 8  # two for each thread, and those that were asked for
    assert [at for at, _ in done] == places[1:]
