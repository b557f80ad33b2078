"""Learned, error-bounded compression as a Zarr codec and HDF5 filter.

>>> import baler_codec as baler
>>> baler.Baler(bound="abs=1e-3")        # no model: the built-in one
Baler(bound='abs=0.001')

Reading needs no import of this package: Zarr finds the codec by its entry point, HDF5 the filter by its plugin path.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import _plugin_path, errors, registry
from ._version import __version__
from .bound import ErrorBound
from .codec import Baler
from .errors import BalerError
from .model import Model
from .native import get_threads, set_threads
from .registry import load

if TYPE_CHECKING:
    from . import hdf5, zarr
    from .training import train

__all__ = [
    "Baler",
    "BalerError",
    "ErrorBound",
    "Model",
    "errors",
    "get_threads",
    "hdf5",
    "load",
    "registry",
    "set_threads",
    "train",
    "zarr",
]

_plugin_path.prepend()


def __getattr__(name: str) -> Any:
    # zarr, h5py and torch are imported when they are asked for, never before
    if name in ("hdf5", "zarr"):
        return importlib.import_module(f".{name}", __name__)
    if name == "train":
        return importlib.import_module(".training", __name__).train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ += ["__version__"]

_plugin_path.register_if_loaded()
