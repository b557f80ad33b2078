"""Makes the HDF5 filter known: to h5py if it is there already, to every other HDF5 through HDF5_PLUGIN_PATH."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

from .errors import LibraryNotFoundError

PLUGIN_PATH = str(Path(os.environ.get("BALER_LIBRARY") or Path(__file__).parent / "plugin" / "_").parent)
# The variable replaces the folders compiled into HDF5, which differ between builds, so those that exist go along.
_DEFAULTS = (
    "/usr/local/hdf5/lib/plugin",
    "/usr/local/lib/hdf5/plugin",
    "/usr/local/lib/plugin",
    "/usr/lib/x86_64-linux-gnu/hdf5/serial/plugins",
    "/usr/lib/aarch64-linux-gnu/hdf5/serial/plugins",
)


def prepend() -> None:
    """Let every HDF5 library that starts later in this process (or in its children) find the filter."""
    current = os.environ.get("HDF5_PLUGIN_PATH")
    if current is None:
        folders = [folder for folder in _DEFAULTS if os.path.isdir(folder)]
    else:
        folders = [folder for folder in current.split(os.pathsep) if folder]
    # HDF5 1.10 stops looking at a folder that does not exist
    if PLUGIN_PATH not in folders and os.path.isdir(PLUGIN_PATH):
        os.environ["HDF5_PLUGIN_PATH"] = os.pathsep.join([PLUGIN_PATH, *folders])


def register_if_loaded() -> None:
    """Register with h5py if that is imported already: it may have read HDF5_PLUGIN_PATH before."""
    if getattr(sys.modules.get("h5py"), "h5z", None) is not None and os.path.isdir(PLUGIN_PATH):
        with contextlib.suppress(LibraryNotFoundError):  # said when the library is first needed
            importlib.import_module("baler_codec.hdf5")
