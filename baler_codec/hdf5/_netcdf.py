"""Variables of netCDF4-python, whose ``createVariable`` takes no filters but those it knows."""

from __future__ import annotations

import ctypes
import importlib
import json
from typing import Any

from .._plugin_path import FILTER_ID, prepend_in
from ..errors import BalerError
from ..native import as_words
from ._filter import Baler


def define_filter(variable: Any, filter: Baler) -> None:
    """Let a variable of netCDF4-python be compressed with our filter.

    Parameters
    ----------
    variable : netCDF4.Variable
        Just created, before anything is written into it. It must not have filters of its own before ours.
    filter : Baler
        With it go its attributes; the filter itself puts the model into the file.

    Examples
    --------
    >>> x = dataset.createVariable("x", "f4", ("row", "column"), chunksizes=(4096, 24))    # doctest: +SKIP
    >>> baler.hdf5.define_filter(x, baler.hdf5.Baler(model))                               # doctest: +SKIP
    """
    words = as_words(filter.filter_options)
    # symbols are also looked for in what the module links: its own netCDF library
    module = importlib.import_module("netCDF4._netCDF4")
    prepend_in(module)
    library = ctypes.CDLL(module.__file__)
    group, number = variable.group()._grpid, variable._varid
    status = library.nc_def_var_filter(group, number, ctypes.c_uint(FILTER_ID), ctypes.c_size_t(len(words)), words)
    if status:
        library.nc_strerror.restype = ctypes.c_char_p
        raise BalerError(f"netCDF does not take the filter for {variable.name}: {library.nc_strerror(status).decode()}")
    for name, value in filter._settings.attributes().items():
        variable.setncattr_string(name, value if isinstance(value, str) else json.dumps(value))
