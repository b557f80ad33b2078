"""What h5py does besides, with our filter: chunks that fit the model, the model in the file, attributes, error texts.

An HDF5 filter cannot write attributes and does not know its file, so h5py's `Group.create_dataset` is wrapped, and
`Group.copy`, which takes models along. HDF5 2.0 throws away what a filter says about an error, so
`Dataset.__getitem__` adds it as a note to the exception. The filter needs none of this to read or write;
``BALER_H5PY_HOOK=0`` leaves h5py as it is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Callable
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from .. import native
from .._plugin_path import FILTER_ID
from ..bound import is_numeric
from ..errors import BalerError
from ..settings import Settings
from ._doctor import datasets
from ._embedding import embed, filter_settings, read_model
from ._encoder import tell_of_environment

_TARGET_BYTES = 1 << 20  # of a table's chunk: what HDF5 keeps in its chunk cache by default
_MAX_COLUMNS = 1024


def install() -> None:
    """Wrap h5py's ``create_dataset``, ``copy`` and ``Dataset.__getitem__``, once."""
    original = h5py.Group.create_dataset
    if os.environ.get("BALER_H5PY_HOOK") == "0" or getattr(original, "_baler", False):
        return
    h5py.Group.create_dataset = _creating(original)
    h5py.Group.copy = _copying(h5py.Group.copy)
    h5py.Dataset.__getitem__ = _reading(h5py.Dataset.__getitem__)


def _reading(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __getitem__(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            return original(self, *arguments, **keywords)
        except OSError as error:
            text = native.last_error()
            if text and "filter" in str(error) and filter_settings(self) is not None:
                error.add_note(f"baler: {text}")
            raise

    return __getitem__


def _copying(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def copy(self: Any, source: Any, dest: Any, *arguments: Any, **keywords: Any) -> Any:
        original(self, source, dest, *arguments, **keywords)
        item = source if isinstance(source, h5py.HLObject) else self[source]
        if not isinstance(dest, h5py.HLObject) or item.file == dest.file:
            return
        copied = datasets(item) if isinstance(item, h5py.Group) else [item] if isinstance(item, h5py.Dataset) else []
        for dataset in copied:
            with contextlib.suppress(BalerError):  # what was not readable in the one file is not in the other
                settings = filter_settings(dataset) if dataset.chunks is not None else None
                if settings is not None and settings.model_id is not None:
                    embed(dest, read_model(dataset))

    return copy


def _creating(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_dataset(
        self: Any, name: Any, shape: Any = None, dtype: Any = None, data: Any = None, **keywords: Any
    ) -> Any:
        compression = keywords.get("compression")
        if isinstance(compression, h5py.filters.FilterRefBase):
            ours = compression.filter_id == FILTER_ID
        else:
            ours = type(compression) is int and compression == FILTER_ID
        if not ours:
            return original(self, name, shape, dtype, data, **keywords)
        if keywords.get("chunks") in (None, True):
            keywords["chunks"] = _table_chunks(shape, dtype, data, keywords.get("maxshape"))
        dataset = original(self, name, shape, dtype, data, **keywords)
        _finish(dataset)
        if data is not None:
            tell_of_environment(dataset)
        return dataset

    create_dataset._baler = True  # type: ignore[attr-defined]
    return create_dataset


def _table_chunks(shape: Any, dtype: Any, data: Any, maxshape: Any) -> Any:
    # h5py's guess cuts tables between columns, where a model of all columns cannot be used; of records it gives few
    if shape is None and data is not None:
        shape = np.shape(data)
    record = np.dtype(dtype if dtype is not None else getattr(data, "dtype", "f4"))
    if record.names is not None and isinstance(shape, tuple) and len(shape) == 1 and shape[0] and maxshape is None:
        return (min(max(_TARGET_BYTES // record.itemsize, 1), shape[0]),)
    if not isinstance(shape, tuple | list) or len(shape) != 2 or not 1 <= shape[1] <= _MAX_COLUMNS:
        return True
    item = np.dtype(dtype if dtype is not None else getattr(data, "dtype", "f4")).itemsize
    rows = max(_TARGET_BYTES // (max(item, 1) * int(shape[1])), 1)
    most = shape[0] or None  # a dataset without rows will grow
    if isinstance(maxshape, tuple | list) and len(maxshape) == 2:
        most = most or maxshape[0]
    elif maxshape is not True and most is None:
        return True
    return (min(rows, int(most)) if most else rows, int(shape[1]))


def _finish(dataset: Any) -> None:
    settings = filter_settings(dataset)
    if settings is None:
        return
    records = settings.model is not None and settings.model.record is not None
    if dataset.dtype.names is not None and not records and not settings.lossless:
        warnings.warn(
            f"{dataset.name}: compound data are kept exactly; give Baler(bound=…, dtype=…) for bounds of their fields",
            stacklevel=3,
        )
    if not (is_numeric(dataset.dtype) or records):
        settings = Settings()  # the filter keeps what is not numbers bit for bit, whatever was asked for
    if settings.model is not None:
        embed(dataset, settings.model)
    dataset.attrs.update(settings.attributes())
