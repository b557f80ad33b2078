"""`python -m benchmarks` does every part on little data, says what a peer wins, and takes files of one's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hdf5plugin")
pytest.importorskip("matplotlib")

import baler_codec
from benchmarks import page, speed_report
from benchmarks.__main__ import main

RNG = np.random.default_rng(6)


@pytest.mark.parametrize("package", ["benchmarks", "firmware"])
def test_in_a_checkout_the_installed_package_is_what_runs(package):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    code = f"import {package}, baler_codec; print(baler_codec.__file__)"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == Path(baler_codec.__file__)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    table = folder / "mine.npy"
    np.save(table, RNG.normal(size=(2000, 3)).cumsum(0).astype("f4"))
    field = folder / "field.npz"
    np.savez(field, data=np.add.outer(np.sin(np.arange(30) / 5), np.arange(400) / 90).astype("f4").reshape(30, 20, 20))
    common = ["--quick", "--peers", "Zstd", "--chunk", "0.05", "--out", str(folder)]
    main(["tables", "grids", "speed", "--data", str(table), "--data", str(field), *common])
    return folder


def test_every_part_has_results_and_a_place_on_the_page(out):
    text = (out / "benchmarks.md").read_text()
    places = [text.index(f"## {title}") for title in ("Where we lose", "Tables", "Grids", "Speed")]
    assert places == sorted(places)
    for part in ("tables", "grids", "speed"):
        stored = json.loads((out / f"{part}.json").read_text())
        assert stored["versions"]["numpy"] == np.__version__ and stored[part]
    assert "mine.npy" in text and "field.npz" in text and (out / "speed.svg").exists()


def test_speeds_are_of_coders_that_kept_the_bound(out):
    found = json.loads((out / "speed.json").read_text())["speed"]
    assert len(found["cases"]) == 2
    for bounds in found["cases"].values():
        for coders in bounds.values():
            assert "Baler built-in" in coders and any("Zstd" in name for name in coders)
            for name, result in coders.items():
                assert result["kept"], name
                assert result["ratio"] > 0 and result["encode_mb_s"]["cpu"] > 0 and result["decode_mb_s"]["wall"] > 0
    assert found["adapters"]["built-in"]["h5py, decode"] and found["threads"]["baler.hdf5.read"]["gain"] > 0
    assert found["linear"]["cms_jets"] and found["entropy"]["bits_per_symbol"] >= found["entropy"]["entropy_bits"]
    assert found["energy"].startswith(("measured", "not available: "))


def result(ratio, encode, decode, kept=True):
    rates = {f"{k}_mb_s": {"cpu": v, "wall": v} for k, v in (("encode", encode), ("decode", decode))}
    return {"ratio": ratio, "kept": kept, **rates}


def test_what_a_peer_wins_stands_first():
    coders = {
        "Baler built-in": result(4, 50, 100),
        "SZ3 (hdf5plugin)": result(3, 25, 90),
        "SPERR (hdf5plugin)": result(2, 60, 40),
        "better": result(5, 60, 120),
        "better, but broken": result(9, 99, 999, kept=False),
    }
    found = {"cases": {"chunk": {"range 1e-3": coders}}}
    lost = "\n".join(page.lost({"speed": found}))
    assert "**better** is smaller" in lost and "broken" not in lost
    assert "x2.00 of SZ3" in lost and "x2.50 of SPERR" not in lost
    assert "x2.50 of SPERR" in "\n".join(speed_report.yardsticks(found))


def test_unknown_parts_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["table"])
    assert "tables, grids, speed, kernels" in capsys.readouterr().err
