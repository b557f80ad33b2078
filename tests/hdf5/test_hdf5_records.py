"""Compound datasets: every field inside its own bound, read without us, and exact where nothing was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run

from baler_codec import Model, hdf5, native
from baler_codec.record_bounds import values_of
from baler_codec.records import leaf_names

DTYPE = np.dtype(
    [
        *(("pt", ">f4"), ("n", "<i2"), ("flag", "?"), ("tag", "S3"), ("z", "<c8")),
        ("in", [("x", "<f8"), ("half", "<f2"), ("w", "<f4", (5, 4))]),
        ("q", "u1", (3,)),
    ],
    align=True,
)
SPEC = {"pt": "pw_rel=1e-3", "in.x": "abs=0.01", "in.w": "abs=0.05", "n": "abs=1"}


@pytest.fixture
def events() -> np.ndarray:
    rng = np.random.default_rng(5)
    array = np.zeros(700, DTYPE)
    array["pt"], array["n"] = rng.exponential(20, 700), rng.integers(0, 9, 700)
    array["flag"], array["tag"] = array["n"] > 4, rng.choice([b"mu", b"e"], 700)
    array["z"] = array["pt"] * 1j
    array["in"]["x"], array["in"]["half"] = rng.normal(size=700), rng.normal(size=700)
    array["in"]["w"] = np.cumsum(rng.normal(size=(700, 5, 4)), axis=1)
    array["q"] = array["n"][:, None]
    array["pt"][3], array["in"]["x"][4] = np.nan, -0.0
    return array


def assert_inside(array: np.ndarray, read: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):
        error = np.abs(read["pt"].astype("f8") - array["pt"])
        assert np.all((error <= 1e-3 * np.abs(array["pt"].astype("f8"))) | np.isnan(array["pt"]))
    assert np.isnan(read["pt"][3]) and np.signbit(read["in"]["x"][4])
    assert np.max(np.abs(read["in"]["x"] - array["in"]["x"])) <= 0.01
    assert np.max(np.abs(read["in"]["w"].astype("f8") - array["in"]["w"])) <= 0.05
    assert np.max(np.abs(read["n"].astype(int) - array["n"])) <= 1
    for name in ("flag", "tag", "z", "q"):
        np.testing.assert_array_equal(read[name], array[name])
    np.testing.assert_array_equal(read["in"]["half"], array["in"]["half"])


def leaves(array: np.ndarray) -> dict[str, bytes]:
    """The bytes of every field; what lies between them HDF5 may leave out."""
    return {name: values_of(array, name).tobytes() for name in leaf_names(array.dtype)}


def modes(dataset: h5py.Dataset) -> set[str]:
    found = set()
    for i in range(dataset.id.get_num_chunks()):
        _, raw = dataset.id.read_direct_chunk(dataset.id.get_chunk_info(i).chunk_offset)
        found.add(native.frame_info(np.frombuffer(raw, np.uint8)).mode)
    return found


def test_bounds_by_name_and_a_reader_that_knows_only_hdf5(tmp_path: Path, run: Run, events: np.ndarray) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("e", data=events, chunks=(300,), **hdf5.Baler(bound=SPEC, dtype=DTYPE))
        assert dataset.dtype == DTYPE and modes(dataset) == {"fields"}
        story = json.loads(dataset.attrs["baler_compression"])
        assert story["bound"]["pt"] == "pw_rel=0.001" and story["bound"]["in.w"] == "abs=0.05"
        assert story["bound"]["tag"] == "exact"
        assert hdf5.read_model(dataset).record.names[0] == "pt"
    result = run(
        "import h5py, sys; open('out', 'wb').write(h5py.File('t.h5')['e'][()].tobytes());"
        "assert 'baler_codec' not in sys.modules"
    )
    assert result.returncode == 0, result.stderr
    read = np.frombuffer((tmp_path / "out").read_bytes(), DTYPE)
    assert_inside(events, read)


def test_the_frames_need_no_model(tmp_path: Path, run: Run, events: np.ndarray) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("e", data=events, **hdf5.Baler(bound=SPEC, dtype=DTYPE))
        del file[".baler"]
    result = run("import h5py; open('out', 'wb').write(h5py.File('t.h5')['e'][()].tobytes())")
    assert result.returncode == 0, result.stderr
    assert_inside(events, np.frombuffer((tmp_path / "out").read_bytes(), DTYPE))


def test_without_bounds_every_bit_stays_and_fields_are_coded_together(tmp_path: Path, events: np.ndarray) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        records = file.create_dataset("e", data=events, **hdf5.Baler())
        with pytest.warns(UserWarning, match="asked: compound data are kept exactly.*dtype="):
            asked = file.create_dataset("asked", data=events, **hdf5.Baler(bound="abs=10"))
        plain = file.create_dataset("v", data=events.view(f"V{DTYPE.itemsize}"), **hdf5.Baler())
        assert modes(records) == modes(asked) == {"fields"} and modes(plain) == {"bytes"}
        assert records.id.get_storage_size() < plain.id.get_storage_size()
        assert '"bound": "exact"' in asked.attrs["baler_compression"]
    with h5py.File(tmp_path / "t.h5") as file:
        for name in ("e", "asked"):
            assert leaves(file[name][()]) == leaves(events)


def test_parts_written_later_move_nothing_else(tmp_path: Path, events: np.ndarray) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("e", data=events, chunks=(100,), **hdf5.Baler(bound=SPEC, dtype=DTYPE))
    for start in (0, 150, 430):
        with h5py.File(tmp_path / "t.h5", "r+") as file:
            before = file["e"][()]
            file["e"][start : start + 20] = events[:20]
        with h5py.File(tmp_path / "t.h5") as file:
            after = file["e"][()]
        kept = np.r_[0:start, start + 20 : 700]
        assert leaves(after[kept]) == leaves(before[kept])
    assert_inside(events[:20], after[430:450])


def test_one_field_can_be_written_alone(tmp_path: Path, events: np.ndarray) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("e", data=events, chunks=(100,), **hdf5.Baler(bound=SPEC, dtype=DTYPE))
        dataset["n"] = np.zeros(700, "i2")
    with h5py.File(tmp_path / "t.h5") as file:
        read = file["e"][()]
        assert not read["n"].any() and np.array_equal(read["q"], events["q"])


@pytest.mark.parametrize(
    "other",
    [
        np.dtype([("pt", "<f4"), *((n, DTYPE[n]) for n in DTYPE.names[1:])], align=True),  # byte order
        np.dtype([("pt", "<i4"), *((n, DTYPE[n]) for n in DTYPE.names[1:])], align=True),
        np.dtype([("pt", ">f4"), ("n", "<i2")]),
        np.dtype("f4"),
    ],
    ids=["byte order", "kind", "size", "numbers"],
)
def test_a_model_of_another_layout_is_refused_when_the_dataset_is_made(
    tmp_path: Path, other: np.dtype, capfd: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        with pytest.raises((ValueError, OSError, RuntimeError)):
            file.create_dataset("e", shape=(100,), dtype=other, chunks=(50,), **hdf5.Baler(bound=SPEC, dtype=DTYPE))
        assert "e" not in file
    assert "the model" in native.last_error()


def test_a_model_of_tables_leaves_compounds_exact(tmp_path: Path, events: np.ndarray) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        with pytest.warns(UserWarning, match="compound"):
            dataset = file.create_dataset("e", data=events, **hdf5.Baler(Model.bounds_only(["abs=1", "exact"])))
        assert dataset["in"]["x"].tobytes() == events["in"]["x"].tobytes()


def test_more_fields_than_the_parameters_have_room_for(tmp_path: Path) -> None:
    dtype = np.dtype([(f"f{i}", "<f4") for i in range(100)])
    data = np.zeros(400, dtype)
    for i, name in enumerate(dtype.names):
        data[name] = np.sin(np.arange(400) / (9 + i))
    with h5py.File(tmp_path / "t.h5", "w") as file:
        exact = file.create_dataset("a", data=data, **hdf5.Baler())
        bounded = file.create_dataset("b", data=data, **hdf5.Baler(bound="abs=1e-3", dtype=dtype))
        assert modes(bounded) == {"fields"} and bounded.id.get_storage_size() < 0.5 * exact.id.get_storage_size()
        for dataset in (exact, bounded):
            assert len(dataset.id.get_create_plist().get_filter(0)[2]) <= 64
        assert exact[()].tobytes() == data.tobytes()
        assert max(np.max(np.abs(bounded[n].astype("f8") - data[n])) for n in dtype.names) <= 1e-3


def test_complex_and_truth_values_and_vectors_come_back_bit_for_bit(tmp_path: Path) -> None:
    waves, flags = np.exp(1j * np.arange(5000) / 50).astype("c16"), np.arange(5000) % 9 < 4
    with h5py.File(tmp_path / "t.h5", "w") as file:
        vectors = file.create_dataset("v", shape=(500,), dtype=np.dtype(("<f4", (3,))), chunks=(250,), **hdf5.Baler())
        vectors[...] = np.arange(1500.0).reshape(500, 3)
        assert modes(vectors) == {"fields"} and np.array_equal(vectors[()], np.arange(1500.0).reshape(500, 3))
        for name, data in (("z", waves), ("b", flags)):
            assert file.create_dataset(name, data=data, **hdf5.Baler())[()].tobytes() == data.tobytes()


def test_records_on_several_axes(tmp_path: Path, events: np.ndarray) -> None:
    cube = events[:600].reshape(10, 20, 3)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("e", data=cube, chunks=(4, 7, 3), **hdf5.Baler(bound=SPEC, dtype=DTYPE))
        assert modes(dataset) == {"fields"}
        assert_inside(events[:600], dataset[()].reshape(-1))
