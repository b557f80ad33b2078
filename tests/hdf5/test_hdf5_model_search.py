"""Every place where a model may lie is searched, each by itself when BALER_RESOLVE says so."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, forget_model, within

import baler_codec as baler
from baler_codec import hdf5

READ = "import h5py, numpy as np; np.save('out.npy', h5py.File('t.h5')['x'][()])"


def write(path: Path, table: np.ndarray, model: baler.Model) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model))
    return path


def hide_address(path: Path, model: baler.Model) -> None:
    """Write the file anew, with more in front, so that the recorded address is stale."""
    with h5py.File(path.with_suffix(".new"), "w") as new, h5py.File(path) as old:
        new["pad"] = np.zeros(3000)
        for name in old:
            if name != "pad":
                old.copy(name, new)
    path.with_suffix(".new").replace(path)


def virtual(path: Path, sources: list[tuple[str, str]], shape: tuple[int, ...]) -> None:
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((len(sources), *shape), "f4")
        for i, (name, dataset) in enumerate(sources):
            layout[i] = h5py.VirtualSource(name, dataset, shape=shape)
        file.create_virtual_dataset("x", layout, fillvalue=-1)


def test_virtual_datasets_over_two_files_with_two_models(run: Run, tmp_path: Path, table) -> None:
    made = [baler.Model.bounds_only([f"abs={i}e-2"] * 3) for i in (1, 2)]
    for i, model in enumerate(made):
        write(tmp_path / f"{i}.h5", table + i, model)
    virtual(tmp_path / "t.h5", [("0.h5", "x"), ("1.h5", "x")], table.shape)
    for resolve in ("virtual", "address"):
        done = run(READ, BALER_RESOLVE=resolve)
        assert done.returncode == 0, done.stderr
        found = np.load(tmp_path / "out.npy")
        for i in (0, 1):
            assert np.abs(found[i].astype("f8") - (table + i)).max() <= (i + 1) * 1e-2
    assert run(READ, BALER_RESOLVE="open").returncode != 0


def test_virtual_datasets_of_virtual_datasets(run: Run, tmp_path: Path, table, model) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    write(tmp_path / "deep" / "deeper" / "a.h5", table, model)
    virtual(tmp_path / "deep" / "b.h5", [("deeper/a.h5", "x")] * 2, table.shape)
    virtual(tmp_path / "c.h5", [("deep/b.h5", "x")], (2, *table.shape))
    with h5py.File(tmp_path / "t.h5", "w") as file:
        layout = h5py.VirtualLayout((1, 2, *table.shape), "f4")
        layout[...] = h5py.VirtualSource("c.h5", "x", shape=(1, 2, *table.shape))
        file.create_virtual_dataset("inner", layout)
        layout = h5py.VirtualLayout((1, 2, *table.shape), "f4")
        layout[...] = h5py.VirtualSource(".", "inner", shape=(1, 2, *table.shape))
        file.create_virtual_dataset("x", layout)
    done = run(READ, BALER_RESOLVE="virtual")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy")[0, 1], table)


def test_a_virtual_dataset_that_names_itself_ends_with_an_error(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "a.h5", table, model)
    forget_model(tmp_path / "a.h5", model)
    virtual(tmp_path / "b.h5", [("t.h5", "x"), ("a.h5", "x")], table.shape)
    virtual(tmp_path / "t.h5", [("b.h5", "x")], (2, *table.shape))
    done = run("import h5py; h5py.File('t.h5')['x'][0, 1]")
    assert done.returncode == 1
    assert "3 source files of virtual datasets" in done.stderr


@pytest.mark.parametrize("pattern", ["part%b.h5", "100%%_%b.h5", "n%b/f.h5"])
def test_virtual_datasets_over_numbered_files(run: Run, tmp_path: Path, table, pattern: str) -> None:
    made = [baler.Model.bounds_only([f"abs={i}e-2"] * 3) for i in (1, 2)]
    for i, model in enumerate(made):
        path = tmp_path / pattern.replace("%b", str(i)).replace("%%", "%")
        path.parent.mkdir(exist_ok=True)
        write(path, table + i, model)
    n, limit = table.shape[0], h5py.h5s.UNLIMITED
    with h5py.File(tmp_path / "t.h5", "w") as file:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        space = h5py.h5s.create_simple((2, n, 3), (limit, n, 3))
        space.select_hyperslab((0, 0, 0), (limit, 1, 1), (1, n, 3), (1, n, 3))
        settings.set_virtual(space, pattern.encode(), b"x", h5py.h5s.create_simple((n, 3)))
        shape = h5py.h5s.create_simple((2, n, 3), (limit, n, 3))
        h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, shape, settings)
    done = run(READ, BALER_RESOLVE="virtual")
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npy")
    for i in (0, 1):
        assert np.abs(found[i].astype("f8") - (table + i)).max() <= (i + 1) * 1e-2


def test_virtual_sources_under_a_prefix(run: Run, tmp_path: Path, table, model) -> None:
    (tmp_path / "far").mkdir()
    write(tmp_path / "far" / "a.h5", table, model)
    virtual(tmp_path / "t.h5", [("a.h5", "x")], table.shape)
    for prefix in ("${ORIGIN}/far", str(tmp_path / "far")):
        done = run(READ, BALER_RESOLVE="virtual", HDF5_VDS_PREFIX=prefix)
        assert done.returncode == 0, done.stderr
        assert within(np.load(tmp_path / "out.npy")[0], table)


@pytest.mark.parametrize("place", ["address", "open", "path", "user", "sidecar"])
def test_each_place_serves_alone(run: Run, tmp_path: Path, table, model, place: str) -> None:
    write(tmp_path / "t.h5", table, model)
    folders = {"path": tmp_path / "models", "user": tmp_path / "data" / "baler" / "models",
               "sidecar": tmp_path / "t.h5.baler"}  # fmt: skip
    if place in folders:
        forget_model(tmp_path / "t.h5", model)
        folders[place].mkdir(parents=True)
        model.save(folders[place] / f"{model.id[7:]}.baler")
    elif place == "open":
        hide_address(tmp_path / "t.h5", model)
        with h5py.File(tmp_path / "t.h5", "a") as file:
            hdf5.embed(file, model)
    more = {"BALER_MODEL_PATH": str(tmp_path / "models"), "XDG_DATA_HOME": str(tmp_path / "data")}
    for allowed in (place, ",".join((place, "system"))):
        (tmp_path / "out.npy").unlink(missing_ok=True)
        done = run(READ, BALER_RESOLVE=allowed, **more)
        assert done.returncode == 0, done.stderr
        assert within(np.load(tmp_path / "out.npy"), table)
    others = {"address", "open", "virtual", "path", "user", "system", "sidecar"} - {place}
    if place == "address":
        others.remove("open")  # it is in the file for both
    done = run(READ, BALER_RESOLVE=",".join(others), **more)
    assert done.returncode == 1 and model.id in done.stderr


def test_a_place_that_does_not_exist_is_said(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    done = run(READ, BALER_RESOLVE="open,adress")
    assert done.returncode == 1
    assert 'BALER_RESOLVE names "adress"' in done.stderr and "address, open, virtual, path" in done.stderr
    assert "permits none" in run(READ, BALER_RESOLVE="").stderr


def test_renamed_and_altered_model_files_are_refused(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    forget_model(tmp_path / "t.h5", model)
    (tmp_path / "models").mkdir()
    here = tmp_path / "models" / f"{model.id[7:]}.baler"
    other = bytes(baler.Model.bounds_only(["abs=1"] * 3))
    altered = bytearray(bytes(model))
    altered[-5] ^= 1
    for wrong in (other, bytes(altered), b"", b"text", bytes(model)[:-1], bytes(model) + b"\0"):
        here.write_bytes(wrong)
        done = run(READ, BALER_MODEL_PATH=str(tmp_path / "models"))
        assert done.returncode == 1
        assert model.id in done.stderr
        assert ("altered or damaged" in done.stderr) == bool(wrong)
    here.write_bytes(bytes(model))
    assert run(READ, BALER_MODEL_PATH=str(tmp_path / "models")).returncode == 0


def test_many_open_files_do_not_hide_the_recorded_address(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    hold = """
        import resource
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 6000), most))
        held = []
        try:
            while len(held) < 4500: held.append(open("held", "ab"))
        except OSError:
            for _ in range(200): held.pop().close()
        """
    done = run(textwrap.dedent(hold) + READ, BALER_RESOLVE="address")
    assert done.returncode == 0, done.stderr


def test_a_file_found_by_another_name_still_has_its_sidecar(run: Run, tmp_path: Path, table, model) -> None:
    """Also of files that HDF5 reads through other drivers, and of the target of an external link."""
    write(tmp_path / "a.h5", table, model)
    forget_model(tmp_path / "a.h5", model)
    (tmp_path / "a.h5.baler").mkdir()
    model.save(tmp_path / "a.h5.baler" / f"{model.id[7:]}.baler")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"] = h5py.ExternalLink("a.h5", "/x")
    shutil.copy(tmp_path / "a.h5", tmp_path / "b.h5")
    for code in (READ, READ.replace("t.h5'", "a.h5', driver='core'")):
        done = run(code, BALER_RESOLVE="sidecar")
        assert done.returncode == 0, done.stderr
    assert run(READ.replace("t.h5", "b.h5")).returncode == 1
