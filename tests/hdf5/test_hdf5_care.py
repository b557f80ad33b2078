"""Files are looked after: what is missing is found and mended, copies keep their models, and there is a way back."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, forget_model, within

import baler_codec as baler
from baler_codec import hdf5


def needs(*names: str) -> pytest.MarkDecorator:
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not installed")


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Forget every model of this process; none is installed for the user."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("BALER_MODEL_PATH", raising=False)
    monkeypatch.setattr(baler.Model, "known", classmethod(lambda cls, digest: None))

    def now() -> None:
        monkeypatch.setattr(baler.registry, "_registered", {})
        baler.native.library().baler_cache_clear()

    return now


def write(path: Path, table: np.ndarray, model: baler.Model) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("a/x", data=table, chunks=(64, 3), **hdf5.Baler(model))
        file.create_dataset("b", data=table, chunks=(64, 3), **hdf5.Baler(bound="abs=1"))
        file.create_dataset("gzip", data=table, compression="gzip")
    return path


def package() -> dict[str, str]:
    found = {"PYTHONPATH": str(Path(baler.__file__).parent.parent)}
    if "BALER_LIBRARY" in os.environ:
        found["BALER_LIBRARY"] = os.environ["BALER_LIBRARY"]
    return found


def test_every_dataset_of_ours_is_diagnosed(tmp_path: Path, table, model) -> None:
    path = write(tmp_path / "t.h5", table, model)
    with h5py.File(path) as file:
        found = {f.dataset: f for f in hdf5.diagnose(file, check=True)}
    assert {name: f.model for name, f in found.items()} == {"/a/x": "in the file", "/b": "none"}
    assert all(f.healthy for f in found.values()) and found["/a/x"].model_id == model.id


def test_missing_altered_and_damaged_are_told_apart(tmp_path: Path, table, model, forget) -> None:
    path = write(tmp_path / "t.h5", table, model)
    with h5py.File(path, "r+") as file:
        place = f"/.baler/models/{model.id[7:]}"
        file[place][9] ^= 255
        mask, frame = file["b"].id.read_direct_chunk((64, 0))
        file["b"].id.write_direct_chunk((64, 0), frame[:-3] + b"abc", mask)
    with h5py.File(path) as file:
        altered, damaged = hdf5.diagnose(file, check=True)
    assert (altered.model, altered.healthy) == ("altered", False)
    assert not damaged.healthy and damaged.damaged[0].startswith("(64, 0): ")
    forget_model(path, model)
    forget()
    with h5py.File(path) as file:
        assert hdf5.diagnose(file)[0].model == "missing"
    baler.registry.add(model)
    with h5py.File(path) as file:
        found = hdf5.diagnose(file)[0]
        assert found.model == "elsewhere" and not found.healthy


@pytest.mark.parametrize("source", ["model file", "other HDF5 file", "open HDF5 file", "installed", "model"])
def test_a_file_is_mended_from_wherever_the_model_is(tmp_path: Path, table, model, forget, source: str) -> None:
    path = write(tmp_path / "t.h5", table, model)
    shutil.copy(path, tmp_path / "other.h5")
    forget_model(path, model)
    forget()
    model.save(tmp_path / "m.baler")
    if source == "installed":
        baler.registry.add(model)
    with h5py.File(path, "r+") as file, h5py.File(tmp_path / "other.h5") as other:
        sources = {"model file": tmp_path / "m.baler", "other HDF5 file": str(tmp_path / "other.h5"),
                   "open HDF5 file": other, "model": model}  # fmt: skip
        assert hdf5.mend(file, [sources[source]] if source in sources else []) == [model.id]
        assert hdf5.mend(file) == []
        assert all(f.healthy for f in hdf5.diagnose(file))


def test_what_cannot_be_mended_is_named(tmp_path: Path, table, model, forget) -> None:
    path = write(tmp_path / "t.h5", table, model)
    forget_model(path, model)
    forget()
    with h5py.File(path, "r+") as file, pytest.raises(baler.errors.ModelNotFoundError) as error:
        hdf5.mend(file)
    assert "/a/x" in str(error.value) and model.id in str(error.value)


def test_copying_with_h5py_takes_models_along(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    ways = {"group": "a", "dataset": "a/x", "object": None}
    for name, source in ways.items():
        with h5py.File(tmp_path / "t.h5") as old, h5py.File(tmp_path / f"{name}.h5", "w") as new:
            old.copy(source if source else old["a"], new, "copy")
            assert all(f.healthy for f in hdf5.diagnose(new))
            found = new["copy"] if name == "dataset" else new["copy/x"]
            assert within(found[()], table)
            assert hdf5.read_model(found) == model
    with h5py.File(tmp_path / "t.h5", "r+") as file:
        file.copy("a/x", "again")
        assert within(file["again"][()], table)


REFERENCES = """
import h5py, numpy as np
with h5py.File("t.h5", "w") as f:
    f["x"] = np.zeros((900, 3), "f4")
    f["x"].attrs["points_at"] = f["x"].ref
"""


def rich_file(path: Path, table: np.ndarray) -> None:
    """Everything that a file may hold beside chunked numbers."""
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs["title"] = "a title"
        file.attrs["empty"] = h5py.Empty("f4")
        file.attrs["words"] = ["one", "two"]
        group = file.create_group("g", track_order=True)
        group.attrs["numbers"] = np.arange(6, dtype=">i2").reshape(2, 3)
        group["time"] = np.arange(len(table), dtype="f8") / 3
        group["time"].make_scale("time axis")
        group["table"] = table
        group["table"].dims[0].attach_scale(group["time"])
        group["table"].dims[1].label = "column"
        group.create_dataset("open", data=table, maxshape=(None, 3), chunks=(50, 3), fillvalue=-7)
        file.create_dataset("counts", data=np.arange(5000, dtype="i4"), compression="gzip", shuffle=True)
        file.create_dataset("rows", data=np.array([(1.5, 2, b"ab")] * 500, [("e", "f4"), ("n", "i4"), ("s", "S3")]))
        file["text"] = np.array(["a", "bc"] * 300, dtype=object)
        file["scalar"], file["nothing"] = 4.5, h5py.Empty("i4")
        file["ragged"] = np.array([np.arange(3), np.arange(1)], dtype=h5py.vlen_dtype("i4"))
        file["same"] = group["table"]
        file["soft"], file["out"] = h5py.SoftLink("/g/time"), h5py.ExternalLink("other.h5", "/x")
        file["type"] = np.dtype([("re", "f4"), ("im", "f4")])
        layout = h5py.VirtualLayout(shape=table.shape, dtype="f4")
        layout[...] = h5py.VirtualSource(".", "g/table", shape=table.shape)
        file.create_virtual_dataset("virtual", layout)


def contents(path: Path) -> dict[str, object]:
    """All that is in a file, comparable."""
    found: dict[str, object] = {}

    def look(name: str, item: object) -> None:
        if name.startswith(".baler"):
            return
        for key in item.attrs:
            if key in ("DIMENSION_LIST", "REFERENCE_LIST", "baler_model", "baler_compression"):
                continue
            value = item.attrs[key]
            found[f"{name}@{key}"] = repr(value) if isinstance(value, h5py.Empty) else np.asarray(value).tolist()
        if isinstance(item, h5py.Dataset):
            values = repr(item.dtype) if item.shape is None else np.asarray(item[()]).tolist()
            found[name] = (str(item.dtype), item.shape, item.maxshape, repr(item.fillvalue), repr(values))
            if item.shape:
                found[f"{name} dims"] = [(d.label, [s.name for s in d.values()]) for d in item.dims]
        else:
            found[name] = type(item).__name__

    with h5py.File(path) as file:
        look("", file)
        file.visititems(look)
        found["order"] = list(file["g"])
        found["links"] = [(type(link := file.get(n, getlink=True)).__name__, getattr(link, "path", "")) for n in file]
        found["one object"] = file["same"] == file["g/table"]
    return found


def test_repack_and_strip_keep_all_that_is_in_a_file(tmp_path: Path, table) -> None:
    table = np.tile(table, (3, 1))
    rich_file(tmp_path / "t.h5", table)
    before = contents(tmp_path / "t.h5")
    done = hdf5.repack(tmp_path / "t.h5", tmp_path / "r.h5")
    assert done == ["counts", "g/open", "g/time", "rows", "same"], "one dataset has two names"
    assert contents(tmp_path / "r.h5") == before
    with h5py.File(tmp_path / "r.h5") as file:
        assert {file[f.dataset] for f in hdf5.diagnose(file)} == {file[name] for name in done}
    for to in ("gzip", "none", "lzf"):
        assert hdf5.strip(tmp_path / "r.h5", tmp_path / f"{to}.h5", to=to) == done
        assert contents(tmp_path / f"{to}.h5") == before
        with h5py.File(tmp_path / f"{to}.h5") as file:
            assert hdf5.diagnose(file) == [] and ".baler" not in file
            assert file["counts"].compression == (None if to == "none" else to)
            assert not [n for n in file["counts"].attrs if n.startswith("baler")]


def test_repack_bounds_floats_and_nothing_else(tmp_path: Path, table) -> None:
    table = np.tile(table, (3, 1))
    rich_file(tmp_path / "t.h5", table)
    hdf5.repack(tmp_path / "t.h5", tmp_path / "r.h5", bound="abs=0.25")
    with h5py.File(tmp_path / "t.h5") as old, h5py.File(tmp_path / "r.h5") as new:
        for name in ("g/table", "g/open"):
            assert 0 < np.abs(new[name][()].astype("f8") - old[name][()]).max() <= 0.25
        for name in ("g/time", "counts"):
            assert new[name][()].tobytes() == old[name][()].tobytes(), "axes and integers stay exact"
        assert new["rows"]["n"].tobytes() == old["rows"]["n"].tobytes()
    hdf5.repack(tmp_path / "t.h5", tmp_path / "n.h5", bound="abs=0.25", names=["g/time", "nothing*"])
    with h5py.File(tmp_path / "t.h5") as old, h5py.File(tmp_path / "n.h5") as new:
        assert 0 < np.abs(new["g/time"][()] - old["g/time"][()]).max() <= 0.25
        assert new["g/table"].chunks is None and new["counts"].compression == "gzip"


def test_repack_with_a_model_and_back(run: Run, tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=np.tile(table, (9, 1)), chunks=(100, 1))
        file.create_dataset("other", data=table.T)
    assert hdf5.repack(tmp_path / "t.h5", tmp_path / "r.h5", model=model) == ["x"]
    done = run("import h5py, numpy as np; np.save('out.npy', h5py.File('r.h5')['x'][()])")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), np.tile(table, (9, 1)))
    hdf5.strip(tmp_path / "r.h5", tmp_path / "s.h5")
    done = run("import h5py, numpy as np; np.save('s.npy', h5py.File('s.h5')['x'][()])", plugin=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "s.npy"), np.load(tmp_path / "out.npy"))


def test_rewriting_refuses_references_and_existing_files(tmp_path: Path, table, run: Run) -> None:
    assert run(REFERENCES).returncode == 0
    with pytest.raises(baler.BalerError, match=r"/x holds references \(points_at\)"):
        hdf5.repack(tmp_path / "t.h5", tmp_path / "r.h5")
    assert not (tmp_path / "r.h5").exists()
    with pytest.raises(baler.BalerError, match="exists"):
        hdf5.strip(tmp_path / "t.h5", tmp_path / "t.h5")
    with pytest.raises(baler.BalerError, match="source itself"):
        hdf5.strip(tmp_path / "t.h5", tmp_path / "t.h5", overwrite=True)
    with pytest.raises(baler.BalerError, match="not 'zip'"):
        hdf5.strip(tmp_path / "t.h5", tmp_path / "z.h5", to="zip")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.h5"]


@needs("netCDF4")
def test_netcdf_variables_are_compressed_and_files_complete(run: Run, tmp_path: Path, table, model) -> None:
    """Written with netCDF4-python; also when it had looked for plugins before we were imported."""
    np.save(tmp_path / "table.npy", table)
    model.save(tmp_path / "m.baler")
    code = """
        import netCDF4, numpy as np
        import baler_codec as baler
        with netCDF4.Dataset("t.nc", "w") as file:
            file.createDimension("row", None); file.createDimension("column", 3)
            x = file.createVariable("x", "f4", ("row", "column"), chunksizes=(64, 3))
            baler.hdf5.define_filter(x, baler.hdf5.Baler("m.baler"))
            x[:100] = np.load("table.npy")[:100]
        with netCDF4.Dataset("t.nc", "a") as file:
            file["x"][100:] = np.load("table.npy")[100:]
    """
    done = run(code, plugin=False, **package())
    assert done.returncode == 0, done.stderr
    done = run("import netCDF4, numpy as np; np.save('x.npy', netCDF4.Dataset('t.nc')['x'][:].data)")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "x.npy"), table)
    with h5py.File(tmp_path / "t.nc") as file:
        assert hdf5.read_model(file["x"]) == model
        assert file["x"].attrs["baler_model"] == model.id
    assert hdf5.repack(tmp_path / "t.nc", tmp_path / "r.nc", bound="abs=1e-2") == ["x"]
    code = """
        import netCDF4
        with netCDF4.Dataset("r.nc") as file:
            assert file["x"].dimensions == ("row", "column") and file.dimensions["row"].isunlimited()
            assert file["x"].shape == (300, 3), file["x"]
    """
    done = run(code)
    assert done.returncode == 0, done.stderr


@needs("tables")
def test_pytables_appends_to_arrays_that_were_repacked(run: Run, tmp_path: Path, table) -> None:
    code = """
        import numpy as np, tables
        with tables.open_file("t.h5", "w") as file:
            file.create_earray("/", "x", tables.Float32Atom(), (0, 3), chunkshape=(64, 3), title="a title")
            file.root.x.append(np.load("table.npy"))
    """
    np.save(tmp_path / "table.npy", table)
    assert run(code).returncode == 0
    assert hdf5.repack(tmp_path / "t.h5", tmp_path / "r.h5", bound="abs=1e-2") == ["x"]
    code = """
        import numpy as np, tables
        with tables.open_file("r.h5", "a") as file:
            assert file.root.x.title == "a title" and type(file.root.x).__name__ == "EArray"
            file.root.x.append(np.load("table.npy"))
        with tables.open_file("r.h5") as file:
            wanted = np.load("table.npy").astype("f8")
            assert np.abs(file.root.x[:] - np.concatenate([wanted, wanted])).max() <= 1e-2
    """
    done = run(code)
    assert done.returncode == 0, done.stderr


@needs("xarray", "h5netcdf")
def test_xarray_through_h5netcdf_gets_model_and_attributes(tmp_path: Path, table, model) -> None:
    import xarray

    data = xarray.Dataset({"x": (("row", "column"), table)})
    how = {"chunksizes": (64, 3), **hdf5.Baler(model)}
    data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf", encoding={"x": how}, invalid_netcdf=True)
    with h5py.File(tmp_path / "t.nc") as file:
        assert hdf5.read_model(file["x"]) == model
        assert file["x"].attrs["baler_model"] == model.id
    with xarray.open_dataset(tmp_path / "t.nc", engine="h5netcdf") as opened:
        assert within(opened.x.values, table)


def test_enabling_is_enough_for_every_process_of_the_environment(run: Run, tmp_path: Path, table, model) -> None:
    """In an environment of its own: nothing imported, nothing set."""
    write(tmp_path / "t.h5", table, model)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )
    folder = Path(where.stdout.strip())
    others = [Path(p) for p in sys.path if (Path(p) / "h5py").is_dir()]
    (folder / "others.pth").write_text("\n".join(map(str, others)))
    code = "import h5py, numpy as np; np.save('out.npy', h5py.File('t.h5')['a/x'][()])"
    assert run([str(python), "-c", code], plugin=False).returncode != 0
    written = hdf5.enable(folder)
    assert written.parent == folder
    done = run([str(python), "-c", code], plugin=False)
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), table)
    value = "import os; print(os.environ['HDF5_PLUGIN_PATH'])"
    done = run([str(python), "-c", value], plugin=False, HDF5_PLUGIN_PATH="/there:/and/there")
    assert done.stdout.strip() == f"{hdf5.PLUGIN_PATH}:/there:/and/there"
    if shutil.which("h5dump"):
        start = "import subprocess, sys; sys.exit(subprocess.call(['h5dump', '-d', '/a/x', 't.h5']))"
        assert run([str(python), "-c", start], plugin=False).returncode == 0
    assert len(hdf5.disable(folder)) == 2 and hdf5.disable(folder) == []
    assert run([str(python), "-c", code], plugin=False).returncode != 0
