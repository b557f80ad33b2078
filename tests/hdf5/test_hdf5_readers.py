"""Every reader, in a process of its own that imports nothing but the reader and knows HDF5_PLUGIN_PATH alone."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, forget_model, within

from baler_codec import hdf5

needs_tools = pytest.mark.skipif(shutil.which("h5dump") is None, reason="hdf5-tools are not installed")
needs_ncdump = pytest.mark.skipif(shutil.which("ncdump") is None, reason="netcdf-bin is not installed")


def needs(*names: str) -> pytest.MarkDecorator:
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not installed")


def words_of(filter_: hdf5.Baler) -> str:
    words = filter_.filter_options
    return ",".join(map(str, (hdf5.FILTER_ID, 0, len(words), *words)))


@pytest.fixture
def written(tmp_path: Path, table, model) -> np.ndarray:
    """``t.h5`` with a table under a model, a grid, an exact one; and the values that the table must be read as."""
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model))
        grid = np.sin(np.arange(32)[:, None] / 5 + np.arange(48) / 9).astype("f4")
        file.create_dataset("grid", data=grid, chunks=(16, 48), **hdf5.Baler(bound="abs=1e-3"))
        file.create_dataset("exact", data=grid, chunks=(16, 48), **hdf5.Baler())
        values: np.ndarray = file["x"][()]
    assert within(values, table)
    np.save(tmp_path / "x.npy", values)
    return values


PYTHON = {
    "h5py": "import h5py; x = h5py.File('t.h5')['x'][()]",
    "netCDF4": "import netCDF4; x = netCDF4.Dataset('t.h5')['x'][:]",
    "tables": "import tables; x = tables.open_file('t.h5').root.x[:]",
    "xarray netcdf4": "import xarray; x = xarray.open_dataset('t.h5', engine='netcdf4').x.values",
    "xarray h5netcdf": "import xarray; x = xarray.open_dataset('t.h5', engine='h5netcdf', phony_dims='sort').x.values",
    "h5netcdf": "import h5netcdf; f = h5netcdf.File('t.h5', phony_dims='sort'); x = f['x'][...]",
}
CHECK = """
import numpy as np, sys
assert np.array_equal(np.asarray(x), np.load('x.npy'))
assert not [name for name in sys.modules if "baler" in name or name == "hdf5plugin"]
"""


MODULES = {"xarray netcdf4": ("xarray", "netCDF4")}


@pytest.mark.parametrize(
    "reader", [pytest.param(name, marks=needs(*MODULES.get(name, name.split()))) for name in PYTHON]
)
def test_python_reads_with_no_import_of_ours(run: Run, written, reader: str) -> None:
    done = run(PYTHON[reader] + CHECK)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", ["fixed", "table"])
@needs("pandas", "tables")
@needs_tools
def test_pandas_reads_what_h5repack_compressed(run: Run, tmp_path: Path, table, form: str) -> None:
    done = run(
        f"""
        import numpy as np, pandas
        frame = pandas.DataFrame(np.tile(np.linspace(0, 1, 5000), (3, 1)).T, columns=["a", "b", "c"])
        frame.to_hdf("plain.h5", key="data", format={form!r})
        """
    )
    assert done.returncode == 0, done.stderr
    done = run(["h5repack", "-f", f"UD={words_of(hdf5.Baler())}", "plain.h5", "t.h5"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t.h5").stat().st_size < (tmp_path / "plain.h5").stat().st_size
    done = run("import pandas; assert pandas.read_hdf('t.h5').equals(pandas.read_hdf('plain.h5'))")
    assert done.returncode == 0, done.stderr


@needs("xarray", "h5netcdf", "netCDF4")
def test_xarray_writes_through_h5netcdf_and_everybody_reads(run: Run, tmp_path: Path, table) -> None:
    words = hdf5.Baler(bound="abs=1e-2").filter_options
    np.save(tmp_path / "table.npy", table)
    done = run(f"""
        import numpy as np, xarray
        data = xarray.Dataset({{"x": (("row", "column"), np.load("table.npy"))}})
        how = {{"compression": 35745, "compression_opts": {words}, "chunksizes": (64, 3)}}
        data.to_netcdf("t.h5", engine="h5netcdf", encoding={{"x": how}}, invalid_netcdf=True)
    """)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["x"].id.get_create_plist().get_filter(0)[0] == hdf5.FILTER_ID
        np.save(tmp_path / "x.npy", file["x"][()])
        assert 0 < np.abs(file["x"][()].astype("f8") - table).max() <= 1e-2
    for name in ("netCDF4", "xarray netcdf4", "xarray h5netcdf"):
        done = run(PYTHON[name].replace(", phony_dims='sort'", "") + CHECK)
        assert done.returncode == 0, done.stderr


@needs_ncdump
def test_ncdump_shows_the_values(run: Run, written) -> None:
    done = run(["ncdump", "-p", "9,17", "-v", "x", "t.h5"])
    assert done.returncode == 0, done.stderr
    listed = done.stdout.partition("data:")[2].partition(" x =")[2].partition(";")[0]
    assert np.array_equal(np.array(listed.split(","), "f4").reshape(written.shape), written)
    header = run(["ncdump", "-hs", "t.h5"])
    assert header.returncode == 0 and '_Filter = "35745,' in header.stdout, header.stderr


@needs_tools
def test_h5dump_shows_values_and_filter(run: Run, tmp_path: Path, written) -> None:
    done = run(["h5dump", "-d", "/x", "-b", "LE", "-o", "x.bin", "t.h5"])
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.fromfile(tmp_path / "x.bin", "<f4").reshape(written.shape), written)
    done = run(["h5dump", "-pH", "t.h5"])
    assert done.returncode == 0 and "FILTER_ID 35745" in done.stdout
    assert "pip install baler-codec" in done.stdout


@needs_tools
def test_h5ls_and_h5stat_describe_the_file(run: Run, written, model) -> None:
    done = run(["h5ls", "-v", "t.h5/x"])
    assert done.returncode == 0 and "baler" in done.stdout and "utilization" in done.stdout, done.stderr
    done = run(["h5ls", "-d", "t.h5/exact"])
    assert done.returncode == 0 and "0.110883" in done.stdout
    assert model.id[7:] in run(["h5ls", "-r", "t.h5"]).stdout
    done = run(["h5stat", "t.h5"])
    assert done.returncode == 0 and not done.stderr and "USER-DEFINED filter: 3" in done.stdout


@needs_tools
@pytest.mark.parametrize("how", [[], ["-f", "x:GZIP=5"], ["-f", "x:NONE"], ["-f", "NONE"], ["-l", "x:CHUNK=50x3"],
                                 ["-f", "x:SHUF", "-f", "x:GZIP=1"], ["-l", "x:CONTI"]], ids=" ".join)  # fmt: skip
def test_h5repack_changes_no_value(run: Run, tmp_path: Path, written, how: list[str]) -> None:
    done = run(["h5repack", *how, "t.h5", "r.h5"])
    assert done.returncode == 0 and not done.stderr, done.stderr
    done = run(["h5diff", "t.h5", "r.h5"])
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "t.h5").unlink()
    done = run(PYTHON["h5py"].replace("t.h5", "r.h5") + CHECK)
    assert done.returncode == 0, done.stderr


@needs_tools
@pytest.mark.parametrize("source", ["plain", "gzip", "with a model"])
def test_h5repack_compresses_with_a_model(run: Run, tmp_path: Path, table, model, source: str) -> None:
    with h5py.File(tmp_path / "p.h5", "w") as file:
        kind = {"plain": {}, "gzip": {"compression": "gzip"}, "with a model": hdf5.Baler(bound="exact")}[source]
        file.create_dataset("x", data=table, chunks=(64, 3), **kind)
        if source == "with a model":
            hdf5.embed(file, model)
    (tmp_path / "models").mkdir()
    if source != "with a model":
        model.save(tmp_path / "models" / f"{model.id[7:]}.baler")
    command = ["h5repack", "-f", f"x:UD={words_of(hdf5.Baler(model))}", "p.h5", "t.h5"]
    done = run(command, BALER_MODEL_PATH=str(tmp_path / "models"))
    assert done.returncode == 0 and not done.stderr, done.stderr
    (tmp_path / "p.h5").unlink()
    done = run("import h5py, numpy; numpy.save('x.npy', h5py.File('t.h5')['x'][()])")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "x.npy"), table)
    with h5py.File(tmp_path / "t.h5") as file:
        assert hdf5.read_model(file["x"]) == model


@needs_tools
def test_h5diff_counts_in_terms_of_the_bound(run: Run, tmp_path: Path, written, table) -> None:
    with h5py.File(tmp_path / "o.h5", "w") as file, h5py.File(tmp_path / "t.h5") as compressed:
        file["grid"] = np.sin(np.arange(32)[:, None] / 5 + np.arange(48) / 9).astype("f4")
        for name, value in compressed["grid"].attrs.items():
            file["grid"].attrs[name] = value  # h5diff compares them, too
    assert run(["h5diff", "-d", "1.001e-3", "o.h5", "t.h5", "/grid"]).returncode == 0
    done = run(["h5diff", "o.h5", "t.h5", "/grid"])
    assert done.returncode == 1 and "differences found" in done.stdout


@needs_tools
def test_h5copy_leaves_the_model_behind_and_reading_says_so(run: Run, tmp_path: Path, written, model) -> None:
    done = run(["h5copy", "-i", "t.h5", "-o", "c.h5", "-s", "x", "-d", "x"])
    assert done.returncode == 0, done.stderr
    done = run(PYTHON["h5py"].replace("t.h5", "c.h5"))
    assert done.returncode == 1 and model.id in done.stderr and "baler hdf5 embed" in done.stderr
    done = run(["h5copy", "-i", "t.h5", "-o", "c.h5", "-s", "/.baler", "-d", "/.baler"])
    assert done.returncode == 0, done.stderr
    done = run(PYTHON["h5py"].replace("t.h5", "c.h5") + CHECK)
    assert done.returncode == 0, done.stderr


@needs_tools
def test_tools_end_with_an_error_when_the_model_is_missing(run: Run, tmp_path: Path, written, model) -> None:
    forget_model(tmp_path / "t.h5", model)
    shutil.copy(tmp_path / "t.h5", tmp_path / "c.h5")
    unpack, compare = ["h5repack", "-f", "x:NONE", "t.h5", "r.h5"], ["h5diff", "t.h5", "c.h5", "/x"]
    for command in (["h5dump", "-d", "/x", "t.h5"], unpack, compare):
        done = run(command)
        assert done.returncode > 0 and model.id in done.stderr, command
    assert run(["h5dump", "-d", "/grid", "t.h5"]).returncode == 0
    assert run(["h5ls", "-v", "t.h5/x"]).returncode == 0


def test_without_the_plugin_the_attributes_say_what_to_install(run: Run, written) -> None:
    done = run(
        """
        import h5py, json
        x = h5py.File("t.h5")["x"]
        try:
            x[0]
        except OSError as error:
            print(json.loads(x.attrs["baler_compression"])["read_with"])
        """,
        plugin=False,
    )
    assert "pip install baler-codec" in done.stdout, done.stderr
