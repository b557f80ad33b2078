"""Programs other than h5py: C, linked either way; several libhdf5 in one process; and one that runs out of memory."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, forget_model, within

import baler_codec as baler
from baler_codec import hdf5, native

PROGRAM = Path(__file__).parents[2] / "examples" / "hdf5_filter.c"
needs_h5cc = pytest.mark.skipif(shutil.which("h5cc") is None, reason="h5cc is not installed (libhdf5-dev)")


def compiled(folder: Path, linked: str) -> str:
    """Compile the example; h5cc links libhdf5.a unless it is told to take the shared library."""
    target = folder / linked
    how = ["-shlib"] if linked == "shared" else ["-noshlib"]
    done = subprocess.run(
        ["h5cc", *how, "-O1", "-o", str(target), str(PROGRAM), "-lm"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"h5cc cannot link HDF5 {linked}: {done.stderr.strip().splitlines()[-1]}")
    return str(target)


def c_table() -> np.ndarray:
    i = np.arange(1000, dtype="f4")
    columns = (20 + 15 * np.sin(np.float32(0.01) * i), np.cos(np.float32(0.05) * i), i % 5)
    return np.stack(columns, axis=1).astype("f4")


def printed(values: np.ndarray) -> str:
    return f"{values.size} values, sum {float(np.cumsum(values.astype('f8').ravel())[-1]):.17g}\n"


@needs_h5cc
def test_a_c_program_writes_and_reads(run: Run, tmp_path: Path) -> None:
    program = compiled(tmp_path, "shared")
    done = run([program, "write", "t.h5"])
    assert done.returncode == 0 and not done.stderr, done.stderr
    with h5py.File(tmp_path / "t.h5") as file:
        found = file["x"][()]
        assert file["x"].id.get_storage_size() < found.nbytes / 2
    assert np.abs(found.astype("f8") - c_table()).max() <= 1e-3 + 1e-5
    done = run([program, "read", "t.h5", "x"])
    assert done.stdout == printed(found), done.stderr


@needs_h5cc
def test_a_c_program_that_writes_with_a_model_makes_a_complete_file(run: Run, tmp_path: Path, model) -> None:
    program = compiled(tmp_path, "shared")
    done = run([program, "write", "t.h5", model.id[7:]])
    assert done.returncode != 0 and model.id in done.stderr, "a missing model is said when the dataset is created"
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / f"{model.id[7:]}.baler")
    done = run([program, "write", "t.h5", model.id[7:]], BALER_MODEL_PATH=str(tmp_path / "models"))
    assert done.returncode == 0 and not done.stderr, done.stderr
    done = run([program, "read", "t.h5", "x"])
    with h5py.File(tmp_path / "t.h5") as file:
        found = file["x"][()]
        assert hdf5.read_model(file) == model
    assert done.stdout == printed(found), done.stderr
    assert (np.abs(found[:, 1:].astype("f8") - c_table()[:, 1:]) <= [1e-2 + 1e-5, 0]).all()


@needs_h5cc
def test_a_program_linked_statically_reads(run: Run, tmp_path: Path, table, model) -> None:
    """It shows no HDF5 functions: the model is found by its recorded address, or beside the file."""
    program = compiled(tmp_path, "static")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model))
        wanted = file["x"][()]
    done = run([program, "read", "t.h5", "x"])
    assert (done.returncode, done.stdout) == (0, printed(wanted)), done.stderr
    forget_model(tmp_path / "t.h5", model)
    done = run([program, "read", "t.h5", "x"])
    assert done.returncode == 1 and "statically linked?" in done.stderr
    (tmp_path / "t.h5.baler").mkdir()
    model.save(tmp_path / "t.h5.baler" / f"{model.id[7:]}.baler")
    done = run([program, "read", "t.h5", "x"])
    assert (done.returncode, done.stdout) == (0, printed(wanted)), done.stderr


@needs_h5cc
def test_a_program_linked_statically_writes_exactly_and_says_so(run: Run, tmp_path: Path) -> None:
    program = compiled(tmp_path, "static")
    done = run([program, "write", "t.h5"])
    assert done.returncode == 0
    assert "chunks are compressed exactly" in done.stderr
    read = run([program, "read", "t.h5", "x"]).stdout
    with h5py.File(tmp_path / "t.h5") as file:
        assert read == printed(file["x"][()])
        assert np.abs(file["x"][()].astype("f8") - c_table()).max() <= 1e-5


def test_three_hdf5_libraries_in_one_process_share_the_plugin(run: Run, tmp_path: Path, table) -> None:
    for name in ("netCDF4", "tables"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    for i in range(3):
        model = baler.Model.bounds_only([f"abs={i + 1}e-2"] * 3)
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file.create_dataset("pad", data=np.zeros(100 * i))
            file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model))
            np.save(tmp_path / f"{i}.npy", file["x"][()])
    for steps in ("open", "address,open"):
        done = run(
            """
            import h5py, netCDF4, tables, numpy as np
            a, b, c = h5py.File("0.h5"), netCDF4.Dataset("1.h5"), tables.open_file("2.h5")
            for row in range(0, 300, 50):
                for i, x in enumerate((a["x"], b["x"], c.root.x)):
                    part = np.asarray(x[row : row + 50])
                    assert np.array_equal(part, np.load(f"{i}.npy")[row : row + 50]), (i, row)
            maps = open("/proc/self/maps").read().split()
            libraries = {m for m in maps if "/libhdf5" in m and "_hl" not in m}
            print(len(libraries), len({m for m in maps if "h5baler" in m}))
            """,
            BALER_RESOLVE=steps,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["3", "1"]


def test_nothing_but_the_plugin_and_the_c_interface_is_exported() -> None:
    nm = shutil.which("nm")
    if nm is None or not Path("/proc").exists():
        pytest.skip("nm is not installed")
    listed = subprocess.run([nm, "-D", "--defined-only", str(native.library_path())], capture_output=True, text=True)
    names = [line.split()[-1] for line in listed.stdout.splitlines()]
    assert {"H5PLget_plugin_type", "H5PLget_plugin_info", "baler_decode"} <= set(names)
    assert [name for name in names if not name.startswith(("baler_", "H5PLget_plugin_"))] == []


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library in which C++ allocations fail when told to."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    target = tmp_path_factory.mktemp("shim") / "failing_new.so"
    source = Path(__file__).parent / "failing_new.cc"
    subprocess.run([compiler, "-std=c++17", "-shared", "-fPIC", "-o", str(target), str(source)], check=True)
    if "libstdc++" not in subprocess.run(["ldd", str(native.library_path())], capture_output=True, text=True).stdout:
        pytest.skip("the library has its own allocator")
    return str(target)


@pytest.mark.parametrize("limit", [1, 40, 300, 3000, 20000])
@pytest.mark.parametrize("kind", ["bound", "model", "records"])
def test_closing_a_file_survives_an_encoder_that_runs_out_of_memory(
    run: Run, tmp_path: Path, table, model, shim: str, limit: int, kind: str
) -> None:
    """HDF5 crashes when a filter that it must have fails while a file is closed."""
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / f"{model.id[7:]}.baler")
    data = np.tile(table, (20, 1))
    words = hdf5.Baler(model).filter_options if kind == "model" else hdf5.Baler(bound="abs=1e-2").filter_options
    if kind == "records":
        records = np.zeros(len(data), [("pt", "f4"), ("n", "i4"), ("tag", "S5")])
        records["pt"], records["n"] = data[:, 0], data[:, 2]
        data = records
    np.save(tmp_path / "table.npy", data)
    code = f"""
        import ctypes, h5py, numpy as np
        shim, data = ctypes.CDLL({shim!r}), np.load("table.npy")
        file = h5py.h5f.create(b"t.h5")
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1000, 3)[: data.ndim])
        plist.set_filter({hdf5.FILTER_ID}, h5py.h5z.FLAG_MANDATORY, {words})
        kind = h5py.h5t.py_create(data.dtype)
        dataset = h5py.h5d.create(file, b"x", kind, h5py.h5s.create_simple(data.shape), plist)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
        shim.fail_new(ctypes.c_size_t({limit}))
        del dataset
        file.close()
        shim.fail_new(ctypes.c_size_t(-1))
        print(shim.failures())
    """
    done = run(code, LD_PRELOAD=shim, BALER_MODEL_PATH=str(tmp_path / "models"))
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert int(done.stdout) > 0, "no allocation failed"
    with h5py.File(tmp_path / "t.h5") as file:
        found = file["x"][()]
    if kind == "records":
        assert found.tobytes() == data.tobytes()
    elif kind == "model":
        assert within(found, data)
    else:
        assert np.abs(found.astype("f8") - data).max() <= 1e-2


def test_the_text_of_an_error_is_that_of_the_thread() -> None:
    with pytest.raises(baler.BalerError):
        native.decode(np.zeros(3, "u1"), np.zeros(3, "u1"))
    assert hdf5.last_error()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(hdf5.last_error).result() == ""
