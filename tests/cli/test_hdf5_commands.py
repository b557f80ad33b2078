"""`baler hdf5 …` from a user's view: what it prints, its exit status, and the files it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import baler_codec as baler
from baler_codec import hdf5
from baler_codec.cli import run


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, baler.Model]:
    """``t.h5`` with a model, and ``c.h5``, into which its dataset was copied without the model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    model = baler.Model.bounds_only(["abs=1e-2", "exact"])
    table = np.random.default_rng(3).normal(size=(500, 2)).astype("f4")
    with h5py.File("t.h5", "w") as a, h5py.File("c.h5", "w") as b:
        a.create_dataset("x", data=table, chunks=(100, 2), **hdf5.Baler(model))
        h5py.h5o.copy(a.id, b"x", b.id, b"x")
    monkeypatch.setattr(baler.registry, "_registered", {})
    monkeypatch.setattr(baler.Model, "known", classmethod(lambda cls, digest: None))
    baler.native.library().baler_cache_clear()
    return tmp_path, model


def test_doctor_finds_what_is_missing_and_embed_mends_it(copied, capsys: pytest.CaptureFixture[str]) -> None:
    model = copied[1]
    assert run(["hdf5", "doctor", "t.h5"]) == 0
    assert f"/x: model {model.id} in the file" in capsys.readouterr().out
    assert run(["hdf5", "doctor", "t.h5", "c.h5", "--check"]) == 1
    said = capsys.readouterr()
    assert f"! /x: model {model.id} missing" in said.out and "baler hdf5 embed" in said.err
    assert run(["hdf5", "doctor", "c.h5", "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["files"]["c.h5"]
    assert finding == {"dataset": "/x", "model_id": model.id, "model": "missing", "healthy": False, "damaged": []}
    assert run(["hdf5", "embed", "c.h5"]) == 2
    assert f"/x needs {model.id}" in capsys.readouterr().err
    assert run(["hdf5", "embed", "c.h5", "t.h5"]) == 0
    assert run(["hdf5", "doctor", "c.h5"]) == 0
    assert run(["hdf5", "embed", "c.h5"]) == 0
    assert "nothing is missing" in capsys.readouterr().out


def test_doctor_without_files_tells_how_programs_find_the_filter(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hdf5", "doctor"]) == 0
    said = capsys.readouterr().out
    assert hdf5.PLUGIN_PATH in said and "HDF5_PLUGIN_PATH" in said and "enable" in said


def test_path_is_the_plugins_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hdf5", "path"]) == 0
    assert capsys.readouterr().out == hdf5.PLUGIN_PATH + "\n"
    assert run(["hdf5", "path", "--shell"]) == 0
    assert capsys.readouterr().out.startswith(f'export HDF5_PLUGIN_PATH="{hdf5.PLUGIN_PATH}')


def test_enable_and_disable_undo_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from baler_codec.hdf5 import _activation

    monkeypatch.setattr(_activation, "site_folders", lambda: [tmp_path / "site"])
    assert run(["hdf5", "enable"]) == 0
    assert run(["hdf5", "enable"]) == 0
    assert sorted(p.suffix for p in (tmp_path / "site").iterdir()) == [".pth", ".py"]
    capsys.readouterr()
    assert run(["hdf5", "disable"]) == 0
    assert capsys.readouterr().out.count("removed") == 2
    assert list((tmp_path / "site").iterdir()) == []


def test_repack_and_strip_write_new_files(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    field = np.sin(np.add.outer(np.arange(100) / 9, np.arange(80) / 7)).astype("f4")
    with h5py.File("t.h5", "w") as file:
        file["field"], file["other"] = field, field
        file["n"] = np.arange(3000)
    assert run(["hdf5", "repack", "t.h5", "r.h5", "--bound", "range=1e-3", "--dataset", "f*", "--dataset", "n"]) == 0
    assert "r.h5: 2 datasets" in capsys.readouterr().out
    with h5py.File("r.h5") as file:
        error = np.abs(file["field"][()].astype("f8") - field).max()
        assert 0 < error <= 1e-3 * np.ptp(field) and file["other"].compression is None
        assert '"exact"' in file["n"].attrs["baler_compression"]
    assert run(["hdf5", "strip", "r.h5", "s.h5", "--to", "lzf"]) == 0
    assert run(["hdf5", "strip", "r.h5", "s.h5"]) == 2
    assert "exists" in capsys.readouterr().err
    assert run(["hdf5", "strip", "r.h5", "s.h5", "--overwrite"]) == 0
    with h5py.File("s.h5") as file, h5py.File("r.h5") as packed:
        assert file["field"].compression == "gzip"
        assert np.array_equal(file["field"][()], packed["field"][()])


@pytest.mark.parametrize("command", ["doctor", "embed", "repack", "strip"])
def test_files_that_are_none_are_named(tmp_path: Path, monkeypatch, capsys, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.h5").write_text("no HDF5")
    for name, said in (("absent.h5", "no file absent.h5"), ("text.h5", "text.h5 is not an HDF5 file")):
        assert run(["hdf5", command, name, *(["out.h5"] if command in ("repack", "strip") else [])]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
