"""Fresh processes that know nothing but h5py (or a command-line tool) and HDF5_PLUGIN_PATH."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hdf5_checks import Run

import baler_codec
from baler_codec import hdf5


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run Python code (a string) or a command (a list) in a process of its own, in the test's folder."""

    def start(what: str | list[str], *, plugin: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        hidden = ("BALER_", "HDF5_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        environment["XDG_DATA_HOME"] = str(tmp_path / "nothing")
        if plugin:
            environment["HDF5_PLUGIN_PATH"] = hdf5.PLUGIN_PATH
        if "libasan" in environment.get("LD_PRELOAD", ""):
            if what[0] in ("h5copy", "h5ls", "h5repack"):
                pytest.skip(f"{what[0]} under ASan's runtime hangs at exit, plugin or not: p11-kit waits for glibc")
            if "libasan" not in extra.get("LD_PRELOAD", "libasan"):
                pytest.skip("ASan's runtime has to be the first library, and this test preloads one of its own")
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
