"""Making the filter known to h5py's copy of HDF5."""

from __future__ import annotations

import ctypes

import h5py  # type: ignore[import-untyped]

from .. import native
from .._plugin_path import PLUGIN_PATH

_done = False


def register(*, force: bool = False) -> bool:
    """Register the filter with h5py, in place of any other plugin of this id.

    Parameters
    ----------
    force : bool
        Register again, for instance after ``h5py.h5z.unregister_filter``.

    Returns
    -------
    bool
        Whether anything was done.
    """
    global _done
    if _done and not force:
        return False
    information = native.library().H5PLget_plugin_info
    information.restype, information.argtypes = ctypes.c_void_p, []
    if hasattr(h5py.h5z, "register_filter"):
        h5py.h5z.register_filter(information())
    else:  # older than the extra asks for: HDF5 loads the plugin itself
        h5py.h5pl.prepend(PLUGIN_PATH.encode())
    _done = True
    return True
