"""HDF5: filter arguments for h5py, models inside files, and the plugin's folder for everybody else.

>>> import h5py, baler_codec as baler                                                     # doctest: +SKIP
>>> with h5py.File("jets.h5", "w") as file:                                               # doctest: +SKIP
...     file.create_dataset("jets", data=table, **baler.hdf5.Baler(model))

Reading needs no import of ours where ``HDF5_PLUGIN_PATH`` names `PLUGIN_PATH`; ``import baler_codec`` sees to that too.
"""

from __future__ import annotations

from .._plugin_path import FILTER_ID, PLUGIN_PATH
from ..native import last_error
from . import _hook
from ._activation import disable, enable
from ._doctor import Finding, diagnose, mend
from ._embedding import embed, read_model
from ._filter import Baler
from ._netcdf import define_filter
from ._parallel import read, write
from ._registration import register
from ._repack import repack, strip

__all__ = [
    "FILTER_ID",
    "PLUGIN_PATH",
    "Baler",
    "Finding",
    "define_filter",
    "diagnose",
    "disable",
    "embed",
    "enable",
    "last_error",
    "mend",
    "read",
    "read_model",
    "register",
    "repack",
    "strip",
    "write",
]

register()
_hook.install()
