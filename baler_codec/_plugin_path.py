"""Puts this package's plugin folder in front of HDF5_PLUGIN_PATH, which HDF5 reads when it first needs a filter."""

from __future__ import annotations

import os
from pathlib import Path

PLUGIN_PATH = str(Path(__file__).parent / "plugin")
# The variable replaces HDF5's own default folder, so that goes along when the user had not set it.
_DEFAULT = "/usr/local/hdf5/lib/plugin"


def prepend() -> None:
    """Let every HDF5 library of this process (and its children) find the filter."""
    current = os.environ.get("HDF5_PLUGIN_PATH")
    if current is not None and current.startswith("::"):  # the user has switched plugins off
        return
    folders = [folder for folder in (current or _DEFAULT).split(os.pathsep) if folder]
    folder = str(Path(os.environ["BALER_LIBRARY"]).parent) if os.environ.get("BALER_LIBRARY") else PLUGIN_PATH
    if folder not in folders:
        os.environ["HDF5_PLUGIN_PATH"] = os.pathsep.join([folder, *folders])
