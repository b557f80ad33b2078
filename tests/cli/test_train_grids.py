"""A model for grids from the command line: trained, used, verified, inspected."""

import json

import numpy as np
import pytest

import baler_codec
from baler_codec.cli import run

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

T, Y, X = np.indices((20, 18, 22))
FIELD = (np.sin(0.3 * X + 0.2 * T) * np.cos(0.25 * Y - 0.1 * T) + 1e-3 * np.cos(3 * X * Y)).astype("f4")


def test_train_compress_verify_inspect(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("field.npy", FIELD)
    command = "train field.npy -o m.baler --kind grid --bound abs=1e-3 --chunks 10,18,22 --hidden 8 --time-budget 2"
    assert run([*command.split(), "--quiet"]) == 0
    model = baler_codec.load("m.baler")
    assert model.trained and model.columns == () and model.provenance["chunks"] == [10, 18, 22]
    assert run(["compress", "field.npy", "field.zarr", "--model", "m.baler"]) == 0
    assert run(["verify", "field.npy", "field.zarr"]) == 0
    capsys.readouterr()
    assert run(["inspect", "field.zarr", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(found["modes"].values()) == 1 and found["ratio_online"] > 2
    assert run(["inspect", "m.baler"]) == 0
    assert "trained" in capsys.readouterr().out


@pytest.mark.parametrize("dest", ["field.zarr", "field.h5"])
def test_frames_as_latents_are_stored_read_and_called_unbounded(tmp_path, monkeypatch, capsys, dest):
    monkeypatch.chdir(tmp_path)
    np.save("field.npy", FIELD)
    command = "train field.npy -o m.baler --kind grid --bound latent --latent 4 --patch 6,8 --time-budget 1"
    assert run([*command.split(), "--quiet"]) == 0
    assert "patches of 6 x 8, 4 latents" in capsys.readouterr().out
    assert run(["compress", "field.npy", dest, "--model", "m.baler"]) == 0
    assert run(["verify", "field.npy", dest]) == 3
    capsys.readouterr()
    assert run(["inspect", dest, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unbounded"] and found["modes"] == {"latent": 1} | dict.fromkeys(found["modes"].keys() - {"latent"}, 0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--kind", "cube"], '"table" or "grid"'),
        (["--kind", "grid", "--chunks", "a,b"], "--chunks is a list"),
        (["--kind", "grid", "--chunks", "3"], "each axis"),
        (["--kind", "grid", "--latent", "3"], "no columns, latents"),
        (["--kind", "grid", "--bound", "latent"], "needs a number"),
        (["--kind", "grid", "--bound", "latent", "--latent", "2", "--patch", "big"], "--patch is a list"),
        (["--kind", "grid", "--patch", "8,8"], "patch= is for latent-only"),
        ([], "--kind grid"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, monkeypatch, capsys, options, complaint):
    monkeypatch.chdir(tmp_path)
    np.save("field.npy", FIELD)
    assert run(["train", "field.npy", "-o", "m.baler", "--quiet", "--time-budget", "0", *options]) == 2
    assert complaint in capsys.readouterr().err
