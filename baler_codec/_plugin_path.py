"""Makes the HDF5 filter known: to h5py if it is there already, to every other HDF5 through HDF5_PLUGIN_PATH."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from .errors import LibraryNotFoundError

PLUGIN_PATH = str(Path(os.environ.get("BALER_LIBRARY") or Path(__file__).parent / "plugin" / "_").parent)
FILTER_ID = 35745
_BINDINGS = ("netCDF4._netCDF4", "tables.hdf5extension")  # each has a libhdf5 of its own; h5py has registration
# The variable replaces the folders compiled into HDF5, which differ between builds, so those that exist go along.
DEFAULT_FOLDERS = (
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
        folders = [folder for folder in DEFAULT_FOLDERS if os.path.isdir(folder)]
    else:
        folders = [folder for folder in current.split(os.pathsep) if folder]
    # HDF5 1.10 stops looking at a folder that does not exist
    if PLUGIN_PATH not in folders and os.path.isdir(PLUGIN_PATH):
        os.environ["HDF5_PLUGIN_PATH"] = os.pathsep.join([PLUGIN_PATH, *folders])


def register_if_loaded() -> None:
    """Tell HDF5 libraries that Python packages have loaded already: they may have read HDF5_PLUGIN_PATH before."""
    if not os.path.isdir(PLUGIN_PATH):
        return
    for name in _BINDINGS:
        if name in sys.modules:
            prepend_in(sys.modules[name])
    if getattr(sys.modules.get("h5py"), "h5z", None) is not None:
        with contextlib.suppress(LibraryNotFoundError):  # said when the library is first needed
            importlib.import_module("baler_codec.hdf5")


def prepend_in(module: ModuleType) -> None:
    """Add the plugin's folder to those of the HDF5 library that an extension module is linked to."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(module.__file__)  # symbols are also looked for in what it links
        if library.H5Zfilter_avail(FILTER_ID) <= 0:
            library.H5PLprepend(PLUGIN_PATH.encode())
