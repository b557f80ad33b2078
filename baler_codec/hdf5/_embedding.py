"""The model inside the file: ``/.baler/models/<hex of its sha256>``, contiguous, unfiltered bytes."""

from __future__ import annotations

from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from .. import registry
from .._plugin_path import FILTER_ID
from ..errors import CorruptDataError, ModelNotFoundError
from ..model import Model
from ..settings import ModelSource
from ._filter import from_words

FOLDER = "/.baler/models"


def embed(where: Any, model: ModelSource) -> str:
    """Put a model into a file, so that everybody who has the file can read it.

    Parameters
    ----------
    where : h5py.File, h5py.Group or h5py.Dataset
        The file, or anything in it. It must be open for writing.
    model : Model, str or path
        The model, or what `baler_codec.load` takes.

    Returns
    -------
    str
        The path of the model inside the file.
    """
    found = model if isinstance(model, Model) else registry.load(model)
    root = where.file["/"]
    path = _path(found.id)
    registry.register(found)
    if _bytes(root, path) == bytes(found) and root[path].chunks is None:
        return path
    if path in root:
        del root[path]  # other bytes under this name, or filtered ones, serve nobody
    folder = root
    for part in FOLDER.strip("/").split("/"):
        # groups that track the order of their links are stored in the compact form
        folder = folder[part] if part in folder else folder.create_group(part, track_order=True)
    folder.create_dataset(path.rpartition("/")[2], data=np.frombuffer(bytes(found), np.uint8), track_times=False)
    return path


def read_model(where: Any, id: str | None = None) -> Model:
    """Read a model from a file.

    Parameters
    ----------
    where : h5py.File, h5py.Group or h5py.Dataset
        A dataset gives the model it was written with; a file or group the only one in the file.
    id : str, optional
        ``"sha256:…"``, if the file has several.

    Returns
    -------
    Model

    Raises
    ------
    ModelNotFoundError
        If the file does not hold it.
    CorruptDataError
        If its bytes were altered.
    """
    name = where.file.filename
    if id is None and isinstance(where, h5py.Dataset):
        written = filter_settings(where)
        id = written.model_id if written is not None else None
        if id is None:
            raise ModelNotFoundError(f"{where.name} in {name} was written without a model")
    root = where.file["/"]
    if id is None:
        held = sorted(root[FOLDER]) if FOLDER in root else []
        if len(held) != 1:
            listed = f": name one, sha256:{', sha256:'.join(held)}" if held else ""
            raise ModelNotFoundError(f"{name} holds {len(held)} models{listed}")
        id = f"sha256:{held[0]}"
    data = _bytes(root, _path(id))
    if data is None:
        raise ModelNotFoundError(
            f"{name} does not hold the model {id}: embed it with baler_codec.hdf5.embed(file, model)"
        )
    model = Model.from_bytes(data)
    if model.id != _with_prefix(id):
        raise CorruptDataError(
            f"{_path(id)} in {name} was altered: its bytes have sha256 {model.id.removeprefix('sha256:')}"
        )
    return model


def filter_settings(dataset: Any) -> Any:
    """Return the `Settings` a dataset was written with, None if our filter is not in its pipeline."""
    plist = dataset.id.get_create_plist()
    for i in range(plist.get_nfilters()):
        code, _, words, _ = plist.get_filter(i)
        if code == FILTER_ID:
            return from_words(words)
    return None


def _with_prefix(id: str) -> str:
    return id if id.startswith("sha256:") else f"sha256:{id}"


def _path(id: str) -> str:
    return f"{FOLDER}/{id.removeprefix('sha256:')}"


def _bytes(root: Any, path: str) -> bytes | None:
    held = root.get(path)
    if not isinstance(held, h5py.Dataset) or held.dtype != np.uint8 or held.ndim != 1:
        return None
    return bytes(held[()].tobytes())
