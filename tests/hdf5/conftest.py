"""Fresh processes that know nothing but h5py (or a command-line tool) and HDF5_PLUGIN_PATH."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

import baler_codec
from baler_codec import hdf5

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run Python code (a string) or a command (a list) in a process of its own, in the test's folder."""

    def start(what: str | list[str], *, plugin: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        hidden = ("BALER_", "HDF5_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        environment["XDG_DATA_HOME"] = str(tmp_path / "nothing")
        if plugin:
            environment["HDF5_PLUGIN_PATH"] = hdf5.PLUGIN_PATH
        command = what if isinstance(what, list) else [sys.executable, "-c", textwrap.dedent(what)]
        return subprocess.run(
            command, env=environment | extra, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )

    return start


@pytest.fixture
def table() -> npt.NDArray[np.float32]:
    """300 rows: a sharp, a smooth and a whole-number column."""
    random = np.random.default_rng(7)
    columns = (random.exponential(20, 300), np.sin(np.arange(300) / 20), random.integers(0, 5, 300))
    return np.stack(columns, axis=1).astype("f4")


@pytest.fixture
def model() -> baler_codec.Model:
    """Different bounds for the three columns: needs a model file, but no training."""
    return baler_codec.Model.bounds_only(["pw_rel=1e-3", "abs=1e-2", "exact"], columns=["pt", "wave", "n"])


def within(found: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> bool:
    """Say whether the table kept the bounds of the model."""
    error = np.abs(found.astype("f8") - wanted.astype("f8"))
    bounds = (error[:, 0] <= 1e-3 * np.abs(wanted[:, 0])) & (error[:, 1] <= 1e-2) & (error[:, 2] == 0)
    return found.dtype == wanted.dtype and found.shape == wanted.shape and bool(bounds.all())


def forget_model(path: Path, model: baler_codec.Model) -> None:
    """Take the model out of the file; freed bytes would still be found at their address, so they are wiped."""
    with h5py.File(path, "a") as file:
        del file[f"/.baler/models/{model.id.removeprefix('sha256:')}"]
    path.write_bytes(path.read_bytes().replace(bytes(model), bytes(len(model))))
