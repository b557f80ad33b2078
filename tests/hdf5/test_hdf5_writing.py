"""What h5py writes through the filter: inside the bound, bit for bit where exact, and unmoved by later writes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, within

import baler_codec as baler
from baler_codec import hdf5, native


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


EXACT = {
    "f2": np.array([1.5, -0.0, np.nan, np.inf, 65504, 6e-8], "f2"),
    "f4 big": np.linspace(-1, 1, 999).astype(">f4"),
    "f8": np.concatenate([np.random.default_rng(0).normal(size=500), [np.nan, -0.0, 5e-324]]),
    "f8 big": np.geomspace(1e-300, 1e300, 77).astype(">f8"),
    "long double": np.arange(50, dtype=np.longdouble) / 3,
    "i1": np.arange(-128, 128, dtype="i1"),
    "u2 big": np.arange(0, 65536, 7, dtype="u2").astype(">u2"),
    "i4": np.random.default_rng(1).integers(-(2**31), 2**31, 400).astype("i4"),
    "u8": np.array([0, 2**64 - 1, 2**63], "u8"),
    "bool": np.arange(100) % 3 == 0,
    "complex": np.exp(1j * np.arange(64)).astype("c8"),
    "strings": np.array([b"muon", b"", b"electron"] * 40),
    "compound": np.array([(1, 2.5, b"x")] * 30, [("a", "<i2"), ("b", ">f8"), ("c", "S3")]),
    "array": np.zeros((20,), [("p", "f4", (3,))]),
    "wide item": np.zeros(2, "S70000"),
    "cube": np.arange(4 * 5 * 6, dtype="i2").reshape(4, 5, 6),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_gives_back_every_bit(tmp_path: Path, name: str) -> None:
    data = EXACT[name]
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=data, **hdf5.Baler())
        file.create_dataset("shuffled", data=data, shuffle=True, fletcher32=True, compression=hdf5.FILTER_ID)
    with h5py.File(tmp_path / "t.h5") as file:
        assert same_bits(file["x"][()], data)
        assert same_bits(file["shuffled"][()], data)


@pytest.mark.parametrize("name", ["bool", "complex", "strings", "compound", "long double"])
def test_what_is_not_numbers_is_exact_whatever_the_bound(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("x", data=EXACT[name], **hdf5.Baler(bound="abs=10"))
        assert same_bits(dataset[()], EXACT[name])
        assert '"bound": "exact"' in dataset.attrs["baler_compression"]


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", "<i4", ">i2"])
@pytest.mark.parametrize("chunks", [(7, 5), (41, 10), (1, 10)])
def test_bound_holds_with_edge_chunks(tmp_path: Path, dtype: str, chunks: tuple[int, int]) -> None:
    data = (np.random.default_rng(3).normal(size=(50, 10)) * 30).astype(dtype)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=chunks, fillvalue=-999, compression=hdf5.Baler(bound="abs=1"))
    with h5py.File(tmp_path / "t.h5") as file:
        found = file["x"][()]
    assert found.dtype == data.dtype
    assert np.abs(found.astype("f8") - data.astype("f8")).max() <= 1


def test_fifty_writes_into_a_chunk_move_nothing_else(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    data = random.exponential(10, (200, 6)).astype("f4")
    with h5py.File(tmp_path / "t.h5", "w", rdcc_nbytes=0) as file:
        dataset = file.create_dataset("x", data=data, chunks=(200, 6), **hdf5.Baler(bound="pw_rel=1e-3"))
        kept = dataset[()]
        for row in range(50):
            before = dataset[()]
            dataset[row] = random.exponential(10, 6)
            after = dataset[()]
            assert same_bits(np.delete(after, row, 0), np.delete(before, row, 0))
        assert same_bits(dataset[50:], kept[50:])


def test_growing_a_dataset_changes_nothing_before(tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w", rdcc_nbytes=0) as file:
        dataset = file.create_dataset("x", (0, 3), "f4", maxshape=(None, 3), chunks=(64, 3), **hdf5.Baler(model))
        for begin in range(0, 300, 10):
            dataset.resize(begin + 10, 0)
            dataset[begin : begin + 10] = table[begin : begin + 10]
        assert within(dataset[()], table)


def test_a_chunk_is_the_frame_that_the_library_encodes(tmp_path: Path, table, model) -> None:
    ways = {
        "exact": (hdf5.Baler(), {}),
        "abs": (hdf5.Baler(bound="abs=0.01"), {"bound": baler.ErrorBound("abs", 0.01)}),
        "unstable": (hdf5.Baler(bound="abs=0.01", stable=False),
                     {"bound": baler.ErrorBound("abs", 0.01), "stable": False}),
        "model": (hdf5.Baler(model), {"model": model.native()}),
    }  # fmt: skip
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, (filter_, settings) in ways.items():
            dataset = file.create_dataset(name, data=table, chunks=(100, 3), **filter_)
            for begin in (0, 100, 200):
                mask, chunk = dataset.id.read_direct_chunk((begin, 0))
                frame = native.encode(np.ascontiguousarray(table[begin : begin + 100]), **settings)
                assert (mask, bytes(chunk)) == (0, frame)
        dataset.id.write_direct_chunk((0, 0), native.encode(table[100:200].copy(), model=model.native()))
    with h5py.File(tmp_path / "t.h5") as file:
        assert within(file["model"][:100], table[100:200])


def test_a_frame_of_another_shape_or_order_is_refused(tmp_path: Path, table) -> None:
    wrong = {
        "shape": table[:50],
        "type": table[:100].astype("f8")[:, :].copy(),
        "byte order": table[:100].astype(">f4"),
        "memory order": np.asfortranarray(table[:100]),
        "transposed": table[:100].reshape(3, 100),
    }
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, data in wrong.items():
            dataset = file.create_dataset(name, table.shape, "f4", chunks=(100, 3), **hdf5.Baler(bound="abs=1"))
            dataset.id.write_direct_chunk((0, 0), native.encode(data))
            with pytest.raises(OSError):
                dataset[0]
            assert "not for this dataset" in hdf5.last_error()


def test_damaged_chunks_are_refused(tmp_path: Path, table) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("x", data=table, chunks=(300, 3), **hdf5.Baler(bound="abs=1e-3"))
        frame = bytes(dataset.id.read_direct_chunk((0, 0))[1])
        for position in [*range(0, 60), len(frame) - 1]:
            for damaged in (frame[:position], frame[:position] + bytes([frame[position] ^ 1]) + frame[position + 1 :]):
                if not damaged:
                    continue
                dataset.id.write_direct_chunk((0, 0), damaged)
                dataset.id.refresh()
                with pytest.raises(OSError):
                    dataset[0]
                assert hdf5.last_error()


def test_default_chunks_hold_all_columns(tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        wide = np.tile(table, (200, 1))
        assert file.create_dataset("x", data=wide, **hdf5.Baler(model)).chunks[1] == 3
        assert file.create_dataset("y", (0, 3), "f8", maxshape=(None, 3), **hdf5.Baler(model)).chunks[1] == 3
        assert file.create_dataset("z", data=table, chunks=(10, 3), **hdf5.Baler(model)).chunks == (10, 3)
        assert file.create_dataset("e", (0, 3), "f4", maxshape=(7, 3), **hdf5.Baler(model)).chunks == (7, 3)
        assert file.require_dataset("r", (9, 3), "f4", **hdf5.Baler(model)).chunks == (9, 3)


def test_variable_length_data_are_refused_or_kept(tmp_path: Path) -> None:
    """HDF5 2.0 does not ask the filter about them (and then keeps its references bit for bit); others do."""
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, dtype, value in (("v", h5py.vlen_dtype("i4"), [1, 2]), ("s", h5py.string_dtype(), "text")):
            try:
                dataset = file.create_dataset(name, (3,), dtype, **hdf5.Baler(bound="abs=1"))
            except (ValueError, OSError) as error:
                assert "variable-length" in str(error)
            else:
                dataset[1] = value
                found = dataset[1]
                assert found.decode() == value if isinstance(value, str) else list(found) == value


def test_files_close_at_exit_of_the_process(run: Run, tmp_path: Path, table, model) -> None:
    """HDF5 flushes what was left open in an exit handler, after much else has been torn down."""
    np.save(tmp_path / "table.npy", table)
    model.save(tmp_path / "model.baler")
    words = hdf5.Baler(model).filter_options
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / f"{model.id.removeprefix('sha256:')}.baler")
    done = run(f"""
        import ctypes, h5py, numpy as np, os
        f = h5py.h5f.create(b"t.h5")
        data = np.load("table.npy")
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((64, 3))
        plist.set_filter({hdf5.FILTER_ID}, h5py.h5z.FLAG_MANDATORY, {words})
        d = h5py.h5d.create(f, b"x", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(data.shape), plist)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(f)); ctypes.pythonapi.Py_IncRef(ctypes.py_object(d))
        f = d = None
        print(os.path.getsize("t.h5"))
    """, BALER_MODEL_PATH=str(tmp_path / "models"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < (tmp_path / "t.h5").stat().st_size, "chunks were left to the exit handler"
    with h5py.File(tmp_path / "t.h5") as file:
        assert within(file["x"][()], table)
