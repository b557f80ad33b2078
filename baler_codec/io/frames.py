"""The frames of a compressed data set as they lie in the file: read without decoding anything."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BalerError
from ..model import Model
from .hdf5 import column_attributes, numbers_in
from .source import kind_of, split_address

Bytes = npt.NDArray[np.uint8]


@dataclass
class Stored:
    """A data set as it lies in its file.

    Parameters
    ----------
    where : str
        Its address.
    container : str
        ``HDF5``, ``Zarr v2`` or ``Zarr v3``.
    shape, dtype, chunks :
        Of the array.
    frames : iterator of uint8 arrays
        One for each chunk that is stored.
    absent : int
        Chunks that are not stored, because they hold the fill value alone.
    file_bytes : int
        All bytes of the file (or directory).
    models : dict
        Models that the file itself carries, by id.
    columns : tuple of str
        Names of the columns, if the file tells them.
    """

    where: str
    container: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    frames: Iterator[Bytes]
    absent: int
    file_bytes: int
    models: dict[str, Model] = field(default_factory=dict)
    columns: tuple[str, ...] = ()


def open_stored(address: str | os.PathLike[str]) -> Stored:
    """Open a data set that Baler compressed, in HDF5 or Zarr."""
    path, name = split_address(address)
    if not path.exists():
        raise BalerError(f"{path}: no such file or directory")
    kind = kind_of(path)
    if kind == "hdf5":
        return _hdf5(path, name)
    if kind == "zarr":
        return _zarr(path, name)
    raise BalerError(f"{path}: a {kind} file holds no frames; Baler compresses into HDF5 and Zarr")


def _hdf5(path: Path, name: str) -> Stored:
    import h5py  # type: ignore[import-untyped]

    from .. import hdf5

    file = h5py.File(path, "r")
    ours = [n for n in numbers_in(file) if hdf5.FILTER_ID in _filters(file[n])]
    if not name and len(ours) == 1:
        name = ours[0]
    if name.strip("/") not in ours:
        wish = (
            f"dataset {name!r} is not compressed by Baler"
            if name
            else "several datasets"
            if ours
            else "no dataset of Baler's"
        )
        raise BalerError(f"{path}: {wish}; Baler's are {', '.join(ours) or 'none'}")
    dataset = file[name]
    if _filters(dataset)[-1] != hdf5.FILTER_ID or len(_filters(dataset)) > 1:
        raise BalerError(f"{path}:{name}: other filters beside Baler's: its chunks are not plain frames")
    count = dataset.id.get_num_chunks()

    def frames() -> Iterator[Bytes]:
        for i in range(count):
            info = dataset.id.get_chunk_info(i)
            if info.filter_mask == 0:
                _, raw = dataset.id.read_direct_chunk(info.chunk_offset)
                yield np.frombuffer(raw, np.uint8)

    models = {}
    for node in (file.get(".baler/models") or {}).values():
        model = Model.from_bytes(np.asarray(node[...], np.uint8).tobytes())
        models[model.id] = model
    columns, _ = column_attributes(dataset.attrs, dataset.shape)
    total = int(np.prod([-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)], dtype=np.int64))
    return Stored(
        f"{path}:/{name.strip('/')}",
        *("HDF5", dataset.shape, dataset.dtype, dataset.chunks, frames(), total - count),
        file_bytes=path.stat().st_size,
        models=models,
        columns=columns,
    )


def _filters(dataset: Any) -> list[int]:
    properties = dataset.id.get_create_plist()
    return [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]


def _zarr(path: Path, name: str) -> Stored:
    import zarr

    from . import zarr as source

    node = source.open_node(path, name)
    if isinstance(node, zarr.Group):
        arrays = dict(node.arrays())
        if len(arrays) != 1:
            raise BalerError(f"{path}: a group with {', '.join(arrays) or 'no arrays'}; write {path}:/NAME")
        node = next(iter(arrays.values()))
    codec = _zarr_codec(node)
    where = f"{path}:/{node.path}" if node.path else str(path)
    if codec is None:
        raise BalerError(f"{where}: not compressed by Baler")
    if node.shards is not None:
        raise BalerError(f"{where}: the frames lie inside shards, which inspect does not open")
    folder = path / node.path if node.path else path
    keys = [node.metadata.encode_chunk_key(index) for index in itertools.product(*map(range, node.cdata_shape))]
    present = [folder / key for key in keys if (folder / key).is_file()]
    models = {codec.model.id: codec.model} if codec.inline else {}
    columns, _ = column_attributes(node.attrs, node.shape)
    return Stored(
        *(where, f"Zarr v{node.metadata.zarr_format}", node.shape, node.dtype, node.chunks),
        frames=(np.frombuffer(key.read_bytes(), np.uint8) for key in present),
        absent=len(keys) - len(present),
        file_bytes=sum(f.stat().st_size for f in path.rglob("*") if f.is_file()),
        models=models,
        columns=columns,
    )


def _zarr_codec(array: Any) -> Any:
    """Return Baler's codec of an array, of either format; None when something else compressed it."""
    codecs = [array.serializer, *array.compressors] if array.metadata.zarr_format == 3 else list(array.compressors)
    if len(codecs) == 0 or (array.metadata.zarr_format == 3 and len(codecs) > 1):
        return None
    codec = getattr(codecs[0], "codec", codecs[0])  # the v3 codec wraps the numcodecs one
    return codec if hasattr(codec, "settings") and hasattr(codec, "inline") else None
