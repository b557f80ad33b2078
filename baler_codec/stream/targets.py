"""Where a stream's chunks go: arrays that grow by whole chunks, written as they came."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import BalerError
from ..io.save import describe
from ..io.source import Source
from ..model import Model
from ..settings import of_model
from .header import Block, Header

_OUTLIER_ROWS = 4096  # of a chunk


class Target(Protocol):
    """An array that is being made."""

    def chunk(self, block: Block) -> None:
        """Store a frame as the next chunk."""

    def outliers(self, numbers: npt.NDArray[np.uint64], values: npt.NDArray[Any] | None) -> None:
        """Store rows that were far off."""

    def finish(self, rows: int, story: str) -> None:
        """Give the array its length."""


class _Columns:
    """Outliers, collected to whole chunks before they are stored."""

    def __init__(self, arrays: list[Any], append: Any) -> None:
        self._arrays, self._append = arrays, append
        self._waiting: list[list[npt.NDArray[Any]]] = [[] for _ in arrays]

    def add(self, *parts: npt.NDArray[Any] | None) -> None:
        for waiting, part in zip(self._waiting, parts, strict=False):
            assert part is not None
            waiting.append(part)
        if self._waiting and sum(map(len, self._waiting[0])) >= _OUTLIER_ROWS:
            self.flush(whole=True)

    def flush(self, whole: bool = False) -> None:
        for array, waiting in zip(self._arrays, self._waiting, strict=True):
            if not waiting:
                continue
            rows = np.concatenate(waiting)
            n = len(rows) // _OUTLIER_ROWS * _OUTLIER_ROWS if whole else len(rows)
            self._append(array, rows[:n])
            waiting[:] = [rows[n:]] if n < len(rows) else []


class _Zarr:
    def __init__(self, folder: Path, array: Any, outliers: _Columns) -> None:
        self._folder, self._array, self._outliers = folder, array, outliers
        self._chunks = 0

    def chunk(self, block: Block) -> None:
        file = self._folder / self._array.path / self._array.metadata.encode_chunk_key((self._chunks, 0))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(block.frame)
        self._chunks += 1

    def outliers(self, numbers: npt.NDArray[np.uint64], values: npt.NDArray[Any] | None) -> None:
        self._outliers.add(numbers, values)

    def finish(self, rows: int, story: str) -> None:
        self._outliers.flush()
        self._array.resize((rows, self._array.shape[1]))
        self._array.attrs["baler_stream"] = story


class _Hdf5:
    def __init__(self, dataset: Any, outliers: _Columns) -> None:
        self._dataset, self._outliers = dataset, outliers

    def chunk(self, block: Block) -> None:
        self._dataset.resize(block.first + block.rows, 0)
        self._dataset.id.write_direct_chunk((block.first, 0), block.frame)

    def outliers(self, numbers: npt.NDArray[np.uint64], values: npt.NDArray[Any] | None) -> None:
        self._outliers.add(numbers, values)

    def finish(self, rows: int, story: str) -> None:
        self._outliers.flush()
        self._dataset.attrs["baler_stream"] = story


@contextlib.contextmanager
def zarr_target(path: Path, name: str, model: Model, header: Header, zarr_format: int) -> Iterator[Target]:
    """Make a Zarr group with the array and, if the sender looked for them, one of outliers."""
    try:
        import zarr
    except ImportError:
        raise BalerError(f'{path.name}: writing Zarr needs zarr: pip install "baler-codec[zarr]"') from None
    from ..codec import Baler
    from ..zarr import BalerCodec

    def coded(codec: Baler) -> dict[str, Any]:
        if zarr_format == 2:
            return {"compressors": codec}
        return {"serializer": BalerCodec(codec), "compressors": None}

    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)  # type: ignore[arg-type]

    def make(name: str, width: tuple[int, ...], rows: int, dtype: np.dtype[Any], codec: Baler) -> Any:
        shape, chunks = (0, *width), (rows, *width)
        return group.create_array(name, shape=shape, chunks=chunks, dtype=dtype, **coded(codec))

    array = make(name, (header.columns,), header.block_rows, header.dtype, Baler(model, embed=True))
    describe(array.attrs, Source(array, model.columns, model.units), of_model(model))
    beside = [
        make(f"{name}_outliers/{part}", width, _OUTLIER_ROWS, dtype, Baler())
        for part, width, dtype in _outlier_arrays(header)
    ]
    yield _Zarr(path, array, _Columns(beside, lambda array, rows: array.append(rows)))


@contextlib.contextmanager
def hdf5_target(path: Path, name: str, model: Model, header: Header) -> Iterator[Target]:
    """Make an HDF5 file with the dataset and, if the sender looked for them, a group of outliers."""
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise BalerError(f'{path.name}: writing HDF5 files needs h5py: pip install "baler-codec[hdf5]"') from None
    from .. import hdf5

    with h5py.File(path, "w", libver=("v110", "v110")) as file:

        def make(name: str, width: tuple[int, ...], rows: int, dtype: np.dtype[Any], filter: Any) -> Any:
            shape, most, chunks = (0, *width), (None, *width), (rows, *width)
            return file.create_dataset(name, shape, dtype, maxshape=most, chunks=chunks, **filter)

        dataset = make(name, (header.columns,), header.block_rows, header.dtype, hdf5.Baler(model))
        describe(dataset.attrs, Source(dataset, model.columns, model.units), of_model(model))
        beside = [
            make(f"{name}_outliers/{part}", width, _OUTLIER_ROWS, dtype, hdf5.Baler())
            for part, width, dtype in _outlier_arrays(header)
        ]
        yield _Hdf5(dataset, _Columns(beside, _append))


def _append(dataset: Any, rows: npt.NDArray[Any]) -> None:
    held = len(dataset)
    dataset.resize(held + len(rows), 0)
    dataset[held:] = rows


def _outlier_arrays(header: Header) -> Iterator[tuple[str, tuple[int, ...], np.dtype[Any]]]:
    if header.thresholds:
        yield "row", (), np.dtype("<u8")
    if header.raw:
        yield "values", (header.columns,), header.dtype
