"""Arrays into files: written under a temporary name beside the destination and renamed when complete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BalerError, ShapeError
from ..model import Model
from ..settings import Settings
from .source import Source, kind_of, split_address

CHUNK_ROWS = 65536
CHUNK_BYTES = 8 << 20
DEFAULT_NAME = "data"


def write(
    address: str | os.PathLike[str],
    source: Source,
    settings: Settings | None = None,
    *,
    chunk_rows: int | None = None,
    zarr_format: int = 3,
    overwrite: bool = False,
    progress: bool = False,
    encoder: str | None = None,
) -> Path:
    """Write a source into ``FILE[:OBJECT]`` (npy, npz, HDF5 or Zarr by the name of the file).

    Parameters
    ----------
    address : str or path
        Where to; HDF5's dataset is called ``data`` unless an object is named.
    source : Source
        What.
    settings : Settings, optional
        How to compress (HDF5 and Zarr); without them the values are stored plainly.
    chunk_rows : int, optional
        Rows of a chunk; by default 65,536 of a table, and about 8 MiB of anything else.
    zarr_format : {2, 3}
        The format of a Zarr array.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : bool
        Whether to show a progress bar on stderr.
    encoder : str, optional
        What computes the latents of a model with an autoencoder, as for `baler_codec.Baler`.

    Returns
    -------
    Path
        The file.
    """
    path, name = split_address(address)
    kind = kind_of(path)
    if kind == "root":
        raise BalerError(f"{path}: ROOT files are read, not written; write .h5, .zarr, .npz or .npy")
    if path.exists() and not overwrite:
        raise BalerError(f"{path} exists: remove it, or allow it to be replaced (--overwrite)")
    if settings is not None and kind in ("npy", "npz"):
        raise BalerError(f"{path}: {kind} files cannot hold compressed chunks: write .h5 or .zarr")
    if not path.parent.is_dir():
        raise BalerError(f"{path}: the directory {path.parent} does not exist")
    chunks = chunk_shape(source, chunk_rows)
    with replacing(path) as temporary:
        if kind == "npy":
            _write_npy(temporary, source)
        elif kind == "npz":
            _write_npz(temporary, name or DEFAULT_NAME, source)
        elif kind == "hdf5":
            _write_hdf5(temporary, name.strip("/") or DEFAULT_NAME, source, settings, chunks, encoder, progress)
        else:
            _write_zarr(temporary, name.strip("/"), source, settings, chunks, zarr_format, encoder, progress)
    return path


def chunk_shape(source: Source, rows: int | None) -> tuple[int, ...]:
    """Return the shape of a chunk: whole rows, never more than there are."""
    shape = source.shape
    if rows is not None and rows < 1:
        raise ShapeError(f"a chunk of {rows} rows: give a number from 1")
    if not shape or 0 in shape:
        return tuple(max(n, 1) for n in shape)
    if rows is None:
        row_bytes = source.nbytes // shape[0]
        rows = CHUNK_ROWS if len(shape) == 2 and shape[1] <= 1024 else max(1, CHUNK_BYTES // row_bytes)
    return (min(rows, shape[0]), *shape[1:])


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; it takes the place of `path` only when all went well."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = folder / path.name
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            os.replace(path, folder / "replaced")
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _blocks(source: Source, rows: int, progress: bool, label: str) -> Iterator[tuple[int, Any]]:
    blocks = source.blocks(rows)
    if not progress:
        yield from blocks
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield from blocks
        return
    with tqdm(total=source.nbytes, unit="B", unit_scale=True, desc=label, leave=False) as bar:
        for start, block in blocks:
            yield start, block
            bar.update(block.nbytes)


def _write_npy(path: Path, source: Source) -> None:
    if not source.shape or 0 in source.shape:
        np.save(path, source.load())
        return
    out = np.lib.format.open_memmap(path, "w+", source.dtype, source.shape)
    for start, block in source.blocks():
        out[start : start + len(block)] = block
    out.flush()


def _write_npz(path: Path, name: str, source: Source) -> None:
    arrays = {name: source.load()}
    if source.columns:
        arrays["names"] = np.array(source.columns)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _write_hdf5(
    path: Path,
    name: str,
    source: Source,
    settings: Settings | None,
    chunks: tuple[int, ...],
    encoder: str | None,
    progress: bool,
) -> None:
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise BalerError(f'{path.name}: writing HDF5 files needs h5py: pip install "baler-codec[hdf5]"') from None
    from .. import hdf5

    # the structures of HDF5 1.10 (2016) take half the room of those that h5py writes by default
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        if settings is None or not source.shape or 0 in source.shape:
            dataset = file.create_dataset(name, source.shape, source.dtype)
        else:
            filter = hdf5.Baler(settings.model, bound=settings.bound, stable=settings.stable)
            dataset = file.create_dataset(name, source.shape, source.dtype, chunks=chunks, **filter)
        describe(dataset.attrs, source, settings)
        for start, block in _blocks(source, _rows(chunks), progress, path.name):
            if encoder is None and not os.environ.get("BALER_ENCODER"):
                dataset[_slice(source, start, block)] = block
            else:  # the filter itself can call no encoder
                hdf5.write(dataset, block, _slice(source, start, block), threads=1, encoder=encoder)


def _write_zarr(
    path: Path,
    name: str,
    source: Source,
    settings: Settings | None,
    chunks: tuple[int, ...],
    zarr_format: int,
    encoder: str | None,
    progress: bool,
) -> None:
    try:
        import zarr
    except ImportError:
        raise BalerError(f'{path.name}: writing Zarr needs zarr: pip install "baler-codec[zarr]"') from None
    if zarr_format not in (2, 3):
        raise BalerError(f"Zarr format {zarr_format}: there are formats 2 and 3")
    options: dict[str, Any] = {
        "shape": source.shape,
        "chunks": chunks,
        "dtype": source.dtype,
        "zarr_format": zarr_format,
    }
    if settings is not None:
        options |= _zarr_codec(settings, zarr_format, encoder)
    if name:
        zarr.open_group(str(path), mode="w", zarr_format=zarr_format)  # type: ignore[arg-type]
        options["name"] = name
    array = zarr.create_array(str(path), **options)
    describe(array.attrs, source, settings)
    for start, block in _blocks(source, _rows(chunks), progress, path.name):
        array[_slice(source, start, block)] = block


def _zarr_codec(settings: Settings, zarr_format: int, encoder: str | None) -> dict[str, Any]:
    from ..codec import Baler

    codec = Baler(settings.model, settings.bound, settings.stable, embed=True, encoder=encoder)
    if zarr_format == 2:
        return {"compressors": codec}
    from ..zarr import BalerCodec

    return {"serializer": BalerCodec(codec), "compressors": None}


def describe(attributes: Any, source: Source, settings: Settings | None) -> None:
    """Attributes for people and for `open_source`: strings only."""
    if source.columns:
        attributes["column_names"] = json.dumps(list(source.columns))
    if source.units:
        attributes["column_units"] = json.dumps(source.units)
    if settings is not None:
        for key, value in settings.attributes().items():
            attributes[key] = value


def _rows(chunks: tuple[int, ...]) -> int:
    return chunks[0] if chunks else 1


def _slice(source: Source, start: int, block: Any) -> Any:
    return slice(start, start + len(block)) if source.shape else ...


def settings_of(model: Model | None, bound: Any, stable: bool, source: Source) -> Settings:
    """Resolve a model and a bound (one, or by column name) against the data they are for."""
    from ..settings import of_model, resolve

    names = source.names
    needs_data = "range" in str(bound)
    data = source.load() if needs_data else None
    if source.dtype.names is not None and model is None and bound is not None:
        return resolve(None, bound, stable, data, source.dtype)
    if model is not None or not isinstance(bound, dict):
        found = resolve(model, bound, stable, data)
        if found.model is not None and found.model.record is not None:
            found.check_dtype(source.dtype)  # before a file is begun
        return found
    per_column = resolve(None, [bound[name] for name in names], stable, data)
    assert per_column.model is not None
    return of_model(Model.bounds_only(per_column.model.bounds, names), stable)
