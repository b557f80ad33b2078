"""The examples run, and what the documents give as words is what the filter writes."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_checks import Run

import baler_codec as baler
from baler_codec import hdf5, native

ROOT = Path(__file__).parents[2]
PACKAGE = {"PYTHONPATH": str(Path(baler.__file__).parent.parent), "BALER_LIBRARY": str(native.library_path())}


def test_an_untouched_script_reads_both_files(run: Run) -> None:
    done = run([sys.executable, str(ROOT / "examples" / "hdf5_untouched_script.py")], plugin=False, **PACKAGE)
    assert done.returncode == 0, done.stderr
    plain, small = (int(size) for size in re.findall(r"h5: (\d+) bytes", done.stdout))
    assert plain > 6 * small
    counts = re.findall(r"20000 jets, (\d+) central", done.stdout)
    assert len(counts) == 2 and abs(int(counts[0]) - int(counts[1])) <= 2
    assert "baler" not in (ROOT / "examples" / "analysis.py").read_text()


@pytest.mark.skipif(importlib.util.find_spec("netCDF4") is None, reason="netCDF4 is not installed")
def test_the_netcdf_example_runs(run: Run) -> None:
    done = run([sys.executable, str(ROOT / "examples" / "netcdf_fields.py")], plugin=False, **PACKAGE)
    assert done.returncode == 0, done.stderr
    assert "read with netCDF4 alone: ('day', 'lat', 'lon') (20, 180, 360) K" in done.stdout


@pytest.mark.skipif(shutil.which("h5repack") is None, reason="hdf5-tools are not installed")
def test_the_command_in_the_registration_text_does_what_it_says(run: Run, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "hdf5-registration.md").read_text()
    (filter_,) = re.findall(r"`h5repack -f (UD=\S+) in\.h5 out\.h5` keeps every value within 1e-3", text)
    assert filter_ == "UD=35745,0,5," + ",".join(map(str, hdf5.Baler(bound="abs=1e-3").filter_options[:5]))
    data = np.random.default_rng(0).normal(size=(200, 5))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=(50, 5))
    done = run(["h5repack", "-f", filter_, "in.h5", "out.h5"])
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out.h5") as file:
        assert 0 < np.abs(file["x"][()] - data).max() <= 1e-3
