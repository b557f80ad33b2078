"""Appends, resizes, partial writes, fill values, raw chunks, a writer and a reader at once, and every file driver."""

from __future__ import annotations

import ctypes
import io
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, within

import baler_codec as baler
from baler_codec import hdf5

SAVE = "numpy.save('out.npy', file['x'][()])"


def append(dataset: h5py.Dataset, rows: np.ndarray) -> None:
    begin = dataset.shape[0]
    dataset.resize(begin + len(rows), 0)
    dataset[begin:] = rows


def test_appending_row_by_row_keeps_every_bound_and_every_earlier_value(tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w", rdcc_nbytes=0) as file:
        dataset = file.create_dataset("x", (0, 3), "f4", maxshape=(None, 3), chunks=(40, 3), **hdf5.Baler(model))
        before = dataset[()]
        for row in range(70):
            append(dataset, table[row : row + 1])
            now = dataset[()]
            assert now[:-1].tobytes() == before.tobytes()
            before = now
        assert within(before, table[:70])


def test_shrinking_and_growing_again_fills_what_was_cut(tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset(
            "x", data=table, maxshape=(None, 3), chunks=(64, 3), fillvalue=-999, **hdf5.Baler(model)
        )
        kept = dataset[:100]
        dataset.resize(100, 0)
        dataset.resize(300, 0)
        assert dataset[:100].tobytes() == kept.tobytes()
        assert (dataset[100:] == -999).all()
        dataset[100:] = table[100:]
        assert within(dataset[()], table)


@pytest.mark.parametrize("when", ["ifset", "alloc", "never"])
@pytest.mark.parametrize("fill", [None, 0, -7.5, -999, np.nan, 1e20])
def test_edge_chunks_keep_bounds_and_fill_values(tmp_path: Path, when: str, fill: float | None) -> None:
    data = np.random.default_rng(1).normal(size=(50, 7)).astype("f4") * 30
    with h5py.File(tmp_path / "t.h5", "w", rdcc_nbytes=0) as file:
        dataset = file.create_dataset(
            "x", (90, 7), "f4", chunks=(32, 5), fillvalue=fill, fill_time=when, **hdf5.Baler(bound="abs=0.5")
        )
        for row in range(0, 50, 9):
            dataset[row : min(row + 9, 50)] = data[row : row + 9]
    with h5py.File(tmp_path / "t.h5") as file:
        found = file["x"][()]
    assert np.abs(found[:50].astype("f8") - data).max() <= 0.5
    if when != "never" and fill == -7.5:
        assert np.abs(found[50:] - fill).max() <= 0.5, "a fill value among the data is a value like others"
    elif when != "never":
        assert np.array_equal(found[50:], np.full((40, 7), 0 if fill is None else fill, "f4"), equal_nan=True)


def test_chunks_that_hold_other_layouts_of_edges_are_read(tmp_path: Path, table, run: Run) -> None:
    """Edge chunks that HDF5 was told not to filter."""
    with h5py.File(tmp_path / "t.h5", "w", libver="latest") as file:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((64, 3))
        settings.set_filter(hdf5.FILTER_ID, h5py.h5z.FLAG_MANDATORY, hdf5.Baler(bound="abs=1e-2").filter_options)
        library = ctypes.CDLL(h5py.h5p.__file__)
        library.H5Pset_chunk_opts(ctypes.c_int64(settings.id), 2)
        shape = h5py.h5s.create_simple(table.shape)
        dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, shape, settings)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, table)
    done = run(f"import h5py, numpy; file = h5py.File('t.h5'); {SAVE}")
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npy")
    assert np.abs(found.astype("f8") - table).max() <= 1e-2
    assert found[256:].tobytes() == table[256:].tobytes()


def test_raw_chunks_beside_coded_ones_are_read(run: Run, tmp_path: Path, table, model) -> None:
    """What HDF5 leaves when an optional filter gave up, or a program wrote chunks by itself."""
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("x", data=table, chunks=(50, 3), **hdf5.Baler(model))
        coded = dataset.id.read_direct_chunk((0, 0))[1]
        dataset.id.write_direct_chunk((50, 0), table[50:100].tobytes(), filter_mask=1)
        dataset.id.write_direct_chunk((100, 0), coded)
    done = run(f"import h5py, numpy; file = h5py.File('t.h5'); {SAVE}")
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npy")
    assert found[50:100].tobytes() == table[50:100].tobytes()
    assert found[100:150].tobytes() == found[:50].tobytes()
    assert within(found[:50], table[:50]) and within(found[150:], table[150:])


READER = """
import h5py, numpy as np, sys
file = h5py.File("t.h5", swmr=True)
print(len(file["x"]), flush=True)
for line in sys.stdin:
    x = file["x"]
    x.refresh()
    np.save("out.npy", x[()])
    print(len(x), flush=True)
"""


def test_a_reader_follows_a_writer(tmp_path: Path, table, model, run: Run) -> None:
    """Single writer, multiple readers: the model is in the file before the first reader opens it."""
    environment = {"HDF5_PLUGIN_PATH": hdf5.PLUGIN_PATH, "PATH": "/usr/bin", "XDG_DATA_HOME": str(tmp_path)}
    sanitizers = ("LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS")  # where the plugin is built with them
    environment |= {name: os.environ[name] for name in sanitizers if name in os.environ}
    with h5py.File(tmp_path / "t.h5", "w", libver="latest") as file:
        dataset = file.create_dataset("x", (0, 3), "f4", maxshape=(None, 3), chunks=(64, 3), **hdf5.Baler(model))
        append(dataset, table[:100])
        file.swmr_mode = True
        with subprocess.Popen(
            [sys.executable, "-c", READER], cwd=tmp_path, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as reader:  # fmt: skip
            assert reader.stdin is not None and reader.stdout is not None
            assert reader.stdout.readline() == "100\n"
            for rows in (100, 130, 290):
                if rows > 100:
                    append(dataset, table[dataset.shape[0] : rows])
                    dataset.flush()
                reader.stdin.write("read\n")
                reader.stdin.flush()
                assert reader.stdout.readline() == f"{rows}\n"
                assert within(np.load(tmp_path / "out.npy"), table[:rows])
            reader.stdin.close()
        assert reader.returncode == 0


DRIVERS = {
    "stdio": ("h5py.File('t.h5', {mode!r}, driver='stdio')", "t.h5"),
    "core": ("h5py.File('t.h5', {mode!r}, driver='core')", "t.h5"),
    "family": ("h5py.File('t%d.h5', {mode!r}, driver='family', memb_size=6000)", "t1.h5"),
    "split": ("h5py.File('t', {mode!r}, driver='split')", "t-r.h5"),
    "file object": ("h5py.File(open('t.h5', {plain!r}), {mode!r})", "t.h5"),
    "user block": ("h5py.File('t.h5', {mode!r}{block})", "t.h5"),
    "page buffer": ("h5py.File('t.h5', {mode!r}{pages})", "t.h5"),
}


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_writes_and_reads(run: Run, tmp_path: Path, table, model, driver: str) -> None:
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / f"{model.id[7:]}.baler")
    np.save(tmp_path / "table.npy", np.tile(table, (10, 1)))
    opened, made = DRIVERS[driver]
    new = {"block": ", userblock_size=1024", "pages": ", fs_strategy='page', fs_page_size=4096"}
    write = opened.format(mode="w", plain="w+b", **new)
    read = opened.format(mode="r", plain="rb", block="", pages=", page_buf_size=16384")
    done = run(
        f"""
        import h5py, numpy
        with {write} as file:
            file.create_dataset("pad", data=numpy.arange(3000))
            file.create_dataset("x", data=numpy.load("table.npy"), chunks=(100, 3), compression=35745,
                                compression_opts={hdf5.Baler(model).filter_options})
        """,
        BALER_MODEL_PATH=str(tmp_path / "models"),
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert (tmp_path / made).exists()
    done = run(f"import h5py, numpy; file = {read}; {SAVE}")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), np.tile(table, (10, 1)))


def test_files_in_memory_alone_hold_their_model(tmp_path: Path, table, model) -> None:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_dataset("x", data=table, **hdf5.Baler(model))
    with h5py.File(memory) as file:
        assert hdf5.read_model(file) == model and within(file["x"][()], table)
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        file.create_dataset("x", data=table, **hdf5.Baler(model))
        file.flush()
        assert within(file["x"][()], table)
    assert not Path("none").exists()


def test_eight_threads_read_eight_files(run: Run, tmp_path: Path, table) -> None:
    for i in range(8):
        model = baler.Model.bounds_only([f"abs={i + 1}e-3"] * 3)
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file.create_dataset("x", data=table + i, chunks=(32, 3), **hdf5.Baler(model))
    np.save(tmp_path / "table.npy", table)
    done = run("""
        import h5py, numpy as np
        from concurrent.futures import ThreadPoolExecutor
        table = np.load("table.npy").astype("f8")
        def read(i):
            with h5py.File(f"{i % 8}.h5") as file:
                return np.abs(file["x"][()] - (table + i % 8).astype("f4")).max() <= (i % 8 + 1) * 1e-3
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(40)))
    """)
    assert done.returncode == 0, done.stderr


def test_external_links_to_two_files_with_two_models(run: Run, tmp_path: Path, table) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as links:
        for i in (0, 1):
            model = baler.Model.bounds_only([f"abs={i + 1}e-2"] * 3)
            with h5py.File(tmp_path / f"{i}.h5", "w") as file:
                file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model))
            links[str(i)] = h5py.ExternalLink(f"{i}.h5", "/x")
    np.save(tmp_path / "table.npy", table)
    done = run("""
        import h5py, numpy as np
        with h5py.File("t.h5") as file:
            found = [file[name] for name in "01"]
        for i, x in enumerate(found):  # the file's own id is closed by now
            assert np.abs(x[()].astype("f8") - np.load("table.npy")).max() <= (i + 1) * 1e-2
    """, BALER_RESOLVE="open")  # fmt: skip
    assert done.returncode == 0, done.stderr
