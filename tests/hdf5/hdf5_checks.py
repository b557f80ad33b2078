"""What several HDF5 tests check or do to a file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

import baler_codec

Run = Callable[..., "subprocess.CompletedProcess[str]"]


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
