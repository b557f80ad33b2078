"""The command line from end to end, on small tables."""

import json
import subprocess
import sys

import numpy as np
import pytest

import baler_codec
from baler_codec.cli import run

RNG = np.random.default_rng(3)
TABLE = np.stack([RNG.exponential(20, 3000), RNG.normal(0, 2, 3000), RNG.integers(0, 9, 3000)], 1).astype("f4")
TABLE[7, 0], TABLE[8, 0], TABLE[9, 1] = np.nan, np.inf, -0.0
TABLE[10, 1] = 0.0
NAMES = ["pt", "eta", "n"]
BOUND = "pt=pw_rel=1e-3,eta=abs=1e-3,*=exact"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    np.savez("jets.npz", data=TABLE, names=np.array(NAMES))
    return tmp_path


def compress(dest, *options):
    assert run(["compress", "jets.npz", dest, "--bound", BOUND, "--chunk-rows", "1000", *options]) == 0


@pytest.mark.parametrize("options", [["jets.h5"], ["jets.zarr"], ["jets.zarr", "--zarr-format", "2"], ["jets.h5:/a/b"]])
def test_compress_inspect_verify_decompress(files, capsys, options):
    compress(*options)
    dest = options[0]
    assert "ratio" in capsys.readouterr().out

    assert run(["inspect", dest, "--json", "--check"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(found["modes"].values()) == 3 and found["chunks_not_stored"] == 0
    assert found["shape"] == [3000, 3] and found["values"] == 9000 and found["original_bytes"] == TABLE.nbytes
    assert [c["bound"] for c in found["models"][0]["columns"]] == ["pw_rel=0.001", "abs=0.001", "exact"]
    assert [c["name"] for c in found["models"][0]["columns"]] == NAMES
    assert found["models"][0]["where"] == "in the file" and not found["models"][0]["trained"]
    assert found["exceptions"] >= 3 and found["stable"] and not found["unbounded"]
    assert found["frame_bytes"] < found["original_bytes"] and found["frame_bytes"] <= found["file_bytes"]
    assert run(["inspect", dest]) == 0
    assert "pw_rel=0.001" in capsys.readouterr().out

    assert run(["verify", "jets.npz", dest]) == 0
    out = capsys.readouterr().out
    assert "all 9000 values are inside their bound" in out

    assert run(["decompress", dest, "back.npz"]) == 0
    with np.load("back.npz") as back:
        assert list(back["names"]) == NAMES
        assert back["data"].dtype == np.float32
        assert np.array_equal(back["data"][:, 2], TABLE[:, 2])
        assert np.abs(back["data"][:, 1] - TABLE[:, 1]).max() <= 1e-3
        assert np.isnan(back["data"][7, 0]) and np.isinf(back["data"][8, 0]) and np.signbit(back["data"][9, 1])


def test_verify_finds_one_wrong_value(files, capsys):
    compress("jets.h5")
    changed = TABLE.copy()
    changed[1234, 1] += 0.01
    np.savez("changed.npz", data=changed, names=np.array(NAMES))
    capsys.readouterr()
    assert run(["verify", "changed.npz", "jets.h5", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["result"] == "outside"
    assert [c["outside"] for c in found["columns"]] == [0, 1, 0]
    assert found["columns"][1]["first_outside"] == 1234
    assert run(["verify", "changed.npz", "jets.h5"]) == 1
    assert "1 of 9000 values are OUTSIDE" in capsys.readouterr().out


@pytest.mark.parametrize(("cell", "value"), [((7, 0), 1.0), ((10, 1), -0.0), ((8, 0), -np.inf)])
def test_verify_wants_special_values_bit_for_bit(files, cell, value):
    compress("jets.zarr")
    changed = TABLE.copy()
    changed[cell] = value
    np.savez("changed.npz", data=changed, names=np.array(NAMES))
    assert run(["verify", "changed.npz", "jets.zarr"]) == 1


def test_verify_against_a_bound_of_ones_own(files):
    np.save("rounded.npy", TABLE.astype("f2").astype("f4"))
    assert run(["verify", "jets.npz", "rounded.npy", "--bound", "pt=pw_rel=1e-3,eta=abs=0.01,n=exact"]) == 0
    assert run(["verify", "jets.npz", "rounded.npy", "--bound", "pt=pw_rel=1e-4,eta=abs=0.01,n=exact"]) == 1
    assert run(["verify", "jets.npz", "rounded.npy"]) == 2


def test_one_bound_without_names(files, capsys):
    np.save("field.npy", np.cumsum(RNG.normal(size=(4, 30, 40)), axis=2).astype("f4"))
    assert run(["compress", "field.npy", "field.h5", "--bound", "range=1e-3"]) == 0
    assert run(["verify", "field.npy", "field.h5"]) == 0
    capsys.readouterr()
    assert run(["inspect", "field.h5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert next(iter(found["bounds_without_model"])).startswith("abs=") and not found["models"]


def test_without_a_bound_every_bit_is_kept(files):
    assert run(["compress", "jets.npz", "jets.h5"]) == 0
    assert run(["verify", "jets.npz", "jets.h5", "--bound", "exact"]) == 0


def test_an_encoder_for_hardware_is_trained_by_the_command(files):
    pytest.importorskip("torch")
    np.savez("clean.npz", data=TABLE[100:], names=np.array(NAMES))
    size = "hidden=6,weight_bits=5,adders=40"
    arguments = f"train clean.npz -o m.baler --latent 2 --hidden 8 --encoder fpga --encoder-size {size} --time-budget 1"
    assert run([*arguments.split(), "--quiet"]) == 0
    told = baler_codec.load("m.baler").provenance["encoder"]
    assert told["hidden"] == [6] and told["weight_bits"] == 5 and told["adders"] <= 40


def test_train_then_compress_with_the_model(files, capsys):
    pytest.importorskip("torch")
    np.savez("clean.npz", data=TABLE[100:], names=np.array(NAMES))
    arguments = f"train clean.npz -o m.baler --bound {BOUND} --latent 2 --hidden 8 --time-budget 1 --quiet".split()
    assert run(arguments) == 0
    assert run(arguments) == 2  # never replaced unasked
    model = baler_codec.load("m.baler")
    assert model.trained and model.columns == tuple(NAMES)
    assert run(["compress", "jets.npz", "jets.h5", "--model", "m.baler"]) == 0
    assert run(["verify", "jets.npz", "jets.h5"]) == 0
    capsys.readouterr()
    assert run(["inspect", "jets.h5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["models"][0]["id"] == model.id and found["model_bytes"] == len(model)
    assert found["ratio_with_model"] < found["ratio_online"]

    assert run(["compress", "clean.npz", "latent.zarr", "--model", "m.baler", "--latent"]) == 0
    capsys.readouterr()
    assert run(["verify", "clean.npz", "latent.zarr"]) == 3
    assert capsys.readouterr().out.startswith("no bound: latent-only")
    assert run(["inspect", "latent.zarr", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unbounded"]


def test_models_are_installed_listed_and_shown(files, capsys):
    model = baler_codec.Model.bounds_only(["pw_rel=1e-3", "abs=1e-3", "exact"], NAMES)
    model.save("bounds.baler")
    assert run(["models", "add", "bounds.baler", "--name", "mine"]) == 0
    capsys.readouterr()
    assert run(["models", "list", "--json"]) == 0
    assert model.id in [entry["id"] for entry in json.loads(capsys.readouterr().out)]
    for name in ("mine", model.id, "bounds.baler"):
        assert run(["models", "show", name, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["id"] == model.id and found["columns"][0] == {"name": "pt", "bound": "pw_rel=0.001"}
    assert run(["inspect", "bounds.baler"]) == 0
    assert "bounds only" in capsys.readouterr().out
    assert run(["compress", "jets.npz", "jets.zarr", "--model", "mine"]) == 0
    assert run(["verify", "jets.npz", "jets.zarr"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compress", "gone.npz", "x.h5"], "gone.npz: no such file"),
        (["compress", "jets.npz", "x.txt"], "unknown kind of file"),
        (["compress", "jets.npz", "x.h5", "--bound", "abs=-1"], "must be positive"),
        (["compress", "jets.npz", "x.h5", "--bound", "mass=abs=1,*=exact"], "not there: mass"),
        (["compress", "jets.npz", "x.h5", "--model", "no_such_model"], "no_such_model"),
        (["compress", "jets.npz", "x.h5", "--latent"], "needs a model"),
        (["compress", "jets.npz", "x.zarr", "--zarr-format", "4"], "formats 2 and 3"),
        (["inspect", "jets.npz"], "holds no frames"),
        (["train", "jets.npz", "-o", "m.baler", "--latent", "some"], '"auto" or a number'),
        (["train", "jets.npz", "-o", "m.baler", "--encoder", "gpu"], '"fpga"'),
        (["train", "jets.npz", "-o", "m.baler", "--encoder-size", "adders=9"], "--encoder fpga"),
        (["train", "jets.npz", "-o", "m.baler", "--encoder", "fpga", "--encoder-size", "bits=9"], "not 'bits=9'"),
        (["compress", "--no-such-option"], "no-such-option"),
        (["compress", "jets.npz"], "DEST"),
        (["fly"], "fly"),
    ],
)
def test_errors_are_one_line_and_status_2(files, capsys, arguments, message):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.startswith("baler: ") and captured.err.count("\n") == 1
    assert captured.out == ""
    assert not list(files.glob("x.*"))


def test_a_damaged_file_is_found_by_its_crc(files, capsys):
    compress("jets.zarr")
    chunk = next(f for f in sorted((files / "jets.zarr").rglob("*")) if f.is_file() and f.parent.name != "jets.zarr")
    raw = bytearray(chunk.read_bytes())
    raw[len(raw) // 2] ^= 1
    chunk.write_bytes(raw)
    assert run(["inspect", "jets.zarr"]) == 0
    assert run(["inspect", "jets.zarr", "--check"]) == 2
    assert run(["verify", "jets.npz", "jets.zarr"]) == 2


def test_the_installed_command_and_what_it_imports(files):
    program = "import sys; from baler_codec.cli import run; run(['models', 'list']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    done = subprocess.run(
        [sys.executable, "-m", "baler_codec.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"baler {baler_codec.__version__}"
