"""Whoever has the file can read it: h5py alone, the HDF5 tools, a process that knows nothing of the model."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run, forget_model, within

import baler_codec as baler
from baler_codec import hdf5

tools = pytest.mark.skipif(shutil.which("h5dump") is None, reason="HDF5 tools are not installed")
READ = "import h5py, numpy as np; np.save('out.npy', h5py.File('t.h5')['x'][()])"


def write(path: Path, table: np.ndarray, model: baler.Model, **more: object) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=table, chunks=(64, 3), **hdf5.Baler(model), **more)
    return path


def read(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["x"][()]


def test_h5py_alone_reads_with_the_plugin_path(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    done = run(READ + "; import sys; assert 'baler_codec' not in sys.modules")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), table)


def test_import_baler_codec_is_enough_before_or_after_h5py(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    package = str(Path(baler.__file__).parent.parent)
    library = {"BALER_LIBRARY": os.environ["BALER_LIBRARY"]} if "BALER_LIBRARY" in os.environ else {}
    for imports in ("import baler_codec", "import h5py; import baler_codec"):
        (tmp_path / "out.npy").unlink(missing_ok=True)
        done = run(f"{imports}; {READ}", plugin=False, PYTHONPATH=package, **library)
        assert done.returncode == 0, done.stderr
        assert within(np.load(tmp_path / "out.npy"), table)


def test_without_the_plugin_nothing_is_read(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    assert run(READ, plugin=False).returncode != 0


@tools
def test_h5dump_reads(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    done = run(["h5dump", "-d", "/x", "-b", "LE", "-o", "x.bin", "t.h5"])
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.fromfile(tmp_path / "x.bin", "<f4").reshape(table.shape), read(tmp_path / "t.h5"))


@tools
def test_h5repack_cuts_other_chunks_and_changes_no_value(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    done = run(["h5repack", "-l", "x:CHUNK=50x3", "t.h5", "r.h5"])
    assert done.returncode == 0, done.stderr
    assert np.array_equal(read(tmp_path / "r.h5"), read(tmp_path / "t.h5"))
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["x"].chunks == (50, 3)
        words = file["x"].id.get_create_plist().get_filter(0)[2]
        assert words[17:19] == (50, 3)
    assert run(READ.replace("t.h5", "r.h5")).returncode == 0


@tools
def test_h5repack_adds_and_removes_the_filter(run: Run, tmp_path: Path, table) -> None:
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file.create_dataset("x", data=table, chunks=(64, 3))
    words = hdf5.Baler(bound="abs=0.01").filter_options
    parameters = ",".join(map(str, (0, len(words), *words)))
    assert run(["h5repack", "-f", f"x:UD=35745,{parameters}", "plain.h5", "t.h5"]).returncode == 0
    assert run(["h5repack", "-f", "x:NONE", "t.h5", "back.h5"]).returncode == 0
    found = read(tmp_path / "back.h5")
    assert np.array_equal(found, read(tmp_path / "t.h5"))
    assert 0 < np.abs(found.astype("f8") - table).max() <= 0.01


def test_model_path_serves_a_file_without_model(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    forget_model(tmp_path / "t.h5", model)
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / f"{model.id.removeprefix('sha256:')}.baler")
    assert run(READ).returncode != 0
    done = run(READ, BALER_MODEL_PATH=f"/does/not/exist:{tmp_path / 'models'}")
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), table)


def test_missing_model_is_named_and_nothing_crashes(run: Run, tmp_path: Path, table, model) -> None:
    write(tmp_path / "t.h5", table, model)
    forget_model(tmp_path / "t.h5", model)
    done = run("""
        import h5py
        with h5py.File("t.h5", "a") as file:
            for _ in range(3):
                try:
                    file["x"][()]
                except OSError:
                    print("refused")
            file["y"] = 1
        print("closed")
    """)
    assert done.returncode == 0
    assert done.stdout.split() == ["refused"] * 3 + ["closed"]
    lines = [line for line in done.stderr.splitlines() if line.startswith("baler:")]
    assert len(lines) == 1, "one line for one error"
    assert model.id in lines[0] and "BALER_MODEL_PATH" in lines[0] and "embed" in lines[0]
    assert run(READ, BALER_QUIET="1").stderr.count("baler:") == 0


@pytest.mark.parametrize("damage", ["altered", "renamed", "truncated"])
def test_a_model_that_is_not_what_its_name_says_is_refused(run: Run, tmp_path: Path, table, model, damage: str) -> None:
    write(tmp_path / "t.h5", table, model)
    name = f"/.baler/models/{model.id.removeprefix('sha256:')}"
    other = baler.Model.bounds_only(["abs=1", "abs=1", "abs=1"])
    data = np.frombuffer(bytes(model), "u1").copy()
    forget_model(tmp_path / "t.h5", model)
    with h5py.File(tmp_path / "t.h5", "a") as file:
        if damage == "altered":
            data[-1] ^= 1
        elif damage == "renamed":
            data = np.frombuffer(bytes(other), "u1")
        elif damage == "truncated":
            data = data[:-1]
        file.create_dataset(name, data=data)
    done = run(READ)
    assert done.returncode > 0
    assert model.id in done.stderr
    assert "altered or damaged" in done.stderr


@tools
def test_a_model_that_was_filtered_is_found_unless_it_needs_itself(run: Run, tmp_path: Path, table) -> None:
    model = baler.Model.bounds_only(["abs=1e-2"])
    write(tmp_path / "t.h5", table, model)
    name = f"/.baler/models/{model.id.removeprefix('sha256:')}"
    itself = hdf5.Baler(model).filter_options
    parameters = ",".join(map(str, (35745, 0, len(itself), *itself)))
    for how, readable in (("GZIP=1", True), ("UD=35745,0,0", True), (f"UD={parameters}", False)):
        done = run(["h5repack", "-f", f"{name}:{how}", "-l", f"{name}:CHUNK=16", "t.h5", "r.h5"], BALER_EMBED="0")
        assert done.returncode == 0, done.stderr
        (tmp_path / "r.h5").write_bytes((tmp_path / "r.h5").read_bytes().replace(bytes(model), bytes(len(model))))
        done = run(READ.replace("t.h5", "r.h5"))
        assert (done.returncode == 0) == readable, done.stderr
        assert readable or (done.returncode == 1 and model.id in done.stderr), "refused, not crashed"


def test_two_files_with_two_models_at_once(run: Run, tmp_path: Path, table) -> None:
    for i in (1, 2):
        model = baler.Model.bounds_only([f"abs={i}e-2"] * 3)
        write(tmp_path / f"{i}.h5", table + i, model)
    done = run("""
        import h5py, numpy as np
        with h5py.File("1.h5") as a, h5py.File("2.h5") as b:
            for _ in range(2):
                np.save("1.npy", a["x"][()]); np.save("2.npy", b["x"][()])
    """)
    assert done.returncode == 0, done.stderr
    for i in (1, 2):
        assert np.abs(np.load(tmp_path / f"{i}.npy").astype("f8") - (table + i)).max() <= i * 1e-2


def test_external_links_virtual_datasets_and_files_in_memory(run: Run, tmp_path: Path, table, model) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "a.h5", table, model)
    with h5py.File(tmp_path / "sub" / "t.h5", "w") as file:
        file["link"] = h5py.ExternalLink("a.h5", "/x")
        layout = h5py.VirtualLayout(shape=(2, *table.shape), dtype="f4")
        for i in (0, 1):
            layout[i] = h5py.VirtualSource("a.h5", "x", shape=table.shape)
        file.create_virtual_dataset("virtual", layout)
    done = run("""
        import h5py, numpy as np
        with h5py.File("sub/t.h5") as f: np.save("v.npy", f["virtual"][1])
        with h5py.File("sub/t.h5") as f: np.save("l.npy", f["link"][()])
        with h5py.File("sub/a.h5", driver="core") as f: np.save("c.npy", f["x"][()])
        import io
        with h5py.File(io.BytesIO(open("sub/a.h5", "rb").read())) as f: np.save("b.npy", f["x"][()])
    """)
    assert done.returncode == 0, done.stderr
    assert all(within(np.load(tmp_path / f"{name}.npy"), table) for name in "vlcb")


def test_each_way_to_the_model_works_in_a_process_of_its_own(run: Run, tmp_path: Path, table, model) -> None:
    """The recorded address alone, and the open files alone (the address is stale after a rewrite)."""
    write(tmp_path / "t.h5", table, model)
    raw = bytearray((tmp_path / "t.h5").read_bytes())
    hidden = raw.replace(b".baler\0", b".bbler\0")
    assert hidden != raw
    (tmp_path / "t.h5").write_bytes(hidden)
    done = run(READ)
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), table)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["pad"] = np.zeros(5000)
        hdf5.embed(file, model)
        other = baler.Model.bounds_only(["abs=1"])
        with h5py.File(tmp_path / "second.h5", "w"):  # two writable files: no address is recorded
            file.create_dataset("x", data=table, **hdf5.Baler(model))
        assert file["x"].id.get_create_plist().get_filter(0)[2][19:22] == (0, 0, 0)
        assert other.id not in str(list(file["/.baler/models"]))
    done = run(READ)
    assert done.returncode == 0, done.stderr
    assert within(np.load(tmp_path / "out.npy"), table)
