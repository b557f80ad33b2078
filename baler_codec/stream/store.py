"""The receiving side: frames become chunks of Zarr or HDF5 as they are, outliers an array beside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .. import native, registry
from ..errors import BalerError, ConfigError, CorruptDataError, ModelNotFoundError
from ..io.save import DEFAULT_NAME, replacing
from ..io.source import kind_of, split_address
from ..model import Model
from ..settings import ModelSource
from .reader import StreamReader
from .targets import Target, hdf5_target, zarr_target


def store(
    file: BinaryIO,
    address: str | os.PathLike[str],
    *,
    model: ModelSource | None = None,
    zarr_format: int = 3,
    overwrite: bool = False,
) -> Path:
    """Store a stream: every frame becomes a chunk, without being decoded or coded again.

    Parameters
    ----------
    file : binary file
        A file, a pipe, `socket.makefile("rb")`.
    address : str or path
        ``FILE[:NAME]``, .h5 or .zarr; the array is called ``data`` unless a name is given, and outliers lie beside it
        in a group ``NAME_outliers``: ``row``, their numbers, and ``values``, the rows as they were.
    model : Model, str, path, optional
        For streams that do not carry their model; without it, it is looked for by its id.
    zarr_format : {3, 2}
        Of a Zarr array.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        The file; it is there only when the stream came to its end.

    Raises
    ------
    CorruptDataError, UnsupportedVersionError
        If the stream is damaged, ends early, or is none.
    ModelNotFoundError
        If the model is neither in the stream nor in the places searched.
    """
    path, name = split_address(address)
    kind = kind_of(path)
    if kind not in ("hdf5", "zarr"):
        raise BalerError(f"{path}: streams are stored as HDF5 or Zarr, write .h5 or .zarr")
    if path.exists() and not overwrite:
        raise BalerError(f"{path} exists: remove it, or allow it to be replaced (--overwrite)")
    if zarr_format not in (2, 3):
        raise BalerError(f"Zarr format {zarr_format}: there are formats 2 and 3")
    reader = StreamReader(file)
    found = _model(reader, model)
    with replacing(path) as temporary:
        place = (temporary, name.strip("/") or DEFAULT_NAME, found, reader.header)
        with hdf5_target(*place) if kind == "hdf5" else zarr_target(*place, zarr_format) as target:
            _fill(target, reader)
    return path


def read(file: BinaryIO, *, model: ModelSource | None = None) -> Iterator[npt.NDArray[Any]]:
    """Read a stream's values, block by block, with raw outliers in their places.

    Parameters
    ----------
    file, model
        As for `store`.

    Yields
    ------
    numpy.ndarray
        Rows in their order. That none is missing is certain when the last one was read without an error.
    """
    reader = StreamReader(file)
    found = _model(reader, model).native()
    shape = (reader.header.block_rows, reader.header.columns)
    for block in reader:
        rows = np.empty(shape, reader.header.dtype)
        native.decode(np.frombuffer(block.frame, np.uint8), rows, model=found)
        if block.values is not None:
            rows[block.numbers.astype(np.intp) - block.first] = block.values
        yield rows[: block.rows]


def with_outliers(address: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read a stored stream with every outlier as it was: all rows then keep the threshold.

    Parameters
    ----------
    address : str or path
        ``FILE[:NAME]``, as given to `store`.

    Raises
    ------
    ConfigError
        If the sender looked for no outliers, or sent their numbers alone.
    """
    path, name = split_address(address)
    name = name.strip("/") or DEFAULT_NAME
    if not path.exists():
        raise BalerError(f"{path}: no such file or directory")
    if kind_of(path) == "hdf5":
        import h5py  # type: ignore[import-untyped]

        from .. import hdf5  # noqa: F401  (the filter)

        with h5py.File(path, "r") as file:
            return _substituted(file, path, name)
    import zarr

    return _substituted(zarr.open_group(str(path), mode="r"), path, name)


def _substituted(file: Any, path: Path, name: str) -> npt.NDArray[Any]:
    if name not in file:
        raise BalerError(f"{path} holds no array {name!r}: write {path}:NAME")
    beside = f"{name}_outliers"
    if beside not in file:
        raise ConfigError(f"{path}: the stream of {name} had no threshold, so nobody looked for outliers")
    if "values" not in file[beside]:
        raise ConfigError(f"{path}: the stream of {name} had the numbers of outliers alone, in {beside}/row")
    rows = np.asarray(file[name][...])
    numbers, values = np.asarray(file[beside]["row"][...]), np.asarray(file[beside]["values"][...])
    if len(numbers) != len(values) or (len(numbers) and numbers.max() >= len(rows)):
        raise CorruptDataError(f"{path}: {beside} does not belong to {name}: store the stream again")
    rows[numbers.astype(np.intp)] = values
    return rows


def _model(reader: StreamReader, given: ModelSource | None) -> Model:
    wanted = reader.header.model_id
    if given is not None:
        model = given if isinstance(given, Model) else registry.load(given)
        if model.latents and model.id != wanted:
            model = model.with_bound("latent")  # the network may come with other bounds
        if model.id != wanted:
            raise ModelNotFoundError(f"the stream needs the model {wanted}, {model.id} was given")
    else:
        model = reader.model or registry.find(wanted)
    if model.n_columns != reader.header.columns or model.patch or model.bounds[0].kind != "latent":
        raise CorruptDataError(
            f"the model {wanted} is not for latents of rows of {reader.header.columns} columns, the stream's are"
        )
    return model


def _fill(target: Target, reader: StreamReader) -> None:
    for block in reader:
        target.chunk(block)
        if len(block.numbers):
            target.outliers(block.numbers, block.values)
    header = reader.header
    target.finish(
        reader.rows,
        json.dumps(
            {
                "rows": reader.rows,
                "outliers": reader.outliers if header.thresholds else None,
                "thresholds": [str(t) for t in header.thresholds] or None,
                "padding": "a last chunk that is not full repeats its last row",
            },
            sort_keys=True,
        ),
    )
