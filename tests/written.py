"""Chunks as the containers hold them, written with an encoder."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from baler_codec import Baler, Model, hdf5
from baler_codec.zarr import BalerCodec

CONTAINERS = ("zarr 2", "zarr 3", "hdf5")


def chunk(container: str, folder: Path, model: Model, table: npt.NDArray[Any], encoder: str | None) -> bytes:
    """Write a table of one chunk into a new file in a folder, and return the chunk's bytes."""
    import h5py
    import zarr

    folder.mkdir(parents=True, exist_ok=True)
    if container == "hdf5":
        with h5py.File(folder / "t.h5", "w") as file:
            made = file.create_dataset("t", table.shape, table.dtype, chunks=table.shape, **hdf5.Baler(model))
            hdf5.write(made, table, encoder=encoder)
            skipped, frame = made.id.read_direct_chunk((0, 0))
            assert skipped == 0 and np.array_equal(made[...], Baler(model).decode(frame), equal_nan=True)
            return bytes(frame)
    common: dict[str, Any] = {"shape": table.shape, "chunks": table.shape, "dtype": table.dtype}
    if container == "zarr 2":
        codec: dict[str, Any] = {"compressors": Baler(model, encoder=encoder), "zarr_format": 2}
    else:
        codec = {"serializer": BalerCodec(model, encoder=encoder), "compressors": None}
    array = zarr.create_array(str(folder / "t.zarr"), **common, **codec)
    array[...] = table
    (found,) = [f for f in (folder / "t.zarr").rglob("*") if f.is_file() and f.name in ("0.0", "0")]
    return found.read_bytes()


def chunks(folder: Path, model: Model, table: npt.NDArray[Any], encoders: list[str]) -> set[bytes]:
    """Write a table in every container with each of the encoders, of which none may fall back; the chunks' bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {
            chunk(container, folder / f"{container} {name}", model, table, name)
            for container in CONTAINERS
            for name in encoders
        }


def sha256(frame: bytes) -> str:
    """Hash a chunk."""
    return hashlib.sha256(frame).hexdigest()
