"""Many chunks at a time: they are coded on several threads beside HDF5, which lets one in at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .. import native
from ..errors import ModelNotFoundError
from ._chunks import Chunks, Place, converts
from ._encoder import encoder_for, refuse_or_tell
from ._selection import box_of

_T = TypeVar("_T")


def write(
    dataset: Any,
    array: npt.ArrayLike,
    selection: Any = (),
    *,
    threads: int | None = None,
    encoder: str | None = None,
) -> None:
    """Write an array as ``dataset[selection] = array`` does, with the chunks coded in parallel.

    Parameters
    ----------
    dataset : h5py.Dataset
        Made with `Baler` as its only filter; others are left to h5py.
    array : array_like
        What to write.
    selection : slices and integers, optional
        Where to; all of the dataset unless told.
    threads : int, optional
        Default: as many as the processors that this process may use.
    encoder : str, optional
        What computes the latents of a model with an autoencoder, as for `baler_codec.Baler`. Default: what the
        environment variable ``BALER_ENCODER`` says, else the native library.

    Raises
    ------
    ConfigError
        If an encoder is asked for by name and only HDF5 itself can write: its filter cannot call one.

    Notes
    -----
    The file then holds the same chunks as if h5py had written them. What cannot be done beside HDF5 is left to h5py:
    other filters in the pipeline, conversions that numpy does otherwise, steps and lists in the selection.

    Examples
    --------
    >>> dataset = file.create_dataset("t", shape=t.shape, dtype=t.dtype, **Baler(model))      # doctest: +SKIP
    >>> baler.hdf5.write(dataset, t)                                                          # doctest: +SKIP
    """
    values = np.asarray(array)
    selected = box_of(selection, dataset.shape) if dataset.shape is not None else None
    chunks = Chunks.of(dataset) if selected is not None else None
    if selected is None or chunks is None or values.shape != selected.shape or not converts(values.dtype, chunks.dtype):
        refuse_or_tell(dataset, encoder)
        dataset[selection] = array
        return
    box = selected.box
    values = values.reshape([b.stop - b.start for b in box])
    chunks.find_model()
    chunks.encoder = encoder_for(dataset, encoder)
    stored = chunks.stored()
    work = _in_order(lambda at: chunks.frame(values, box, at, at in stored), chunks.touched(box), threads)
    for at, frame in work:
        dataset.id.write_direct_chunk(at, frame)


def read(dataset: Any, selection: Any = (), *, threads: int | None = None) -> Any:
    """Read as ``dataset[selection]`` does, with the chunks decoded in parallel.

    Parameters
    ----------
    dataset : h5py.Dataset
        Any; those that cannot be read beside HDF5 are left to h5py.
    selection : slices and integers, optional
        What to read; all of the dataset unless told.
    threads : int, optional
        Default: as many as the processors that this process may use.

    Returns
    -------
    numpy.ndarray
        The same as ``dataset[selection]``.

    Raises
    ------
    CorruptDataError
        If a chunk is damaged.
    ModelNotFoundError
        If the model is nowhere; the text names the places searched.
    """
    selected = box_of(selection, dataset.shape) if dataset.shape is not None else None
    chunks = Chunks.of(dataset) if selected is not None else None
    if selected is None or chunks is None:
        return dataset[selection]
    box = selected.box
    stored = chunks.stored()
    if not chunks.filled and any(at not in stored for at in chunks.touched(box)):
        return dataset[selection]
    chunks.find_model()
    out = np.empty([b.stop - b.start for b in box], chunks.dtype)
    work = _in_order(lambda at: chunks.read_into(out, box, at, at in stored), chunks.touched(box), threads)
    try:
        for _ in work:
            pass
    except ModelNotFoundError:
        try:
            return dataset[selection]  # the filter looks into all open files
        except OSError as error:
            raise ModelNotFoundError(native.last_error()) from error
    return out.reshape(selected.shape)


def _in_order(work: Callable[[Place], _T], places: Iterable[Place], threads: int | None) -> Iterator[tuple[Place, _T]]:
    """Yield (place, work(place)) in the order of the places; a few are done ahead."""
    n = _processors() if threads is None else threads
    if n < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    if n == 1:
        for place in places:
            yield place, work(place)
        return
    ahead: deque[tuple[Place, Future[_T]]] = deque()
    pool = ThreadPoolExecutor(n, "baler")
    try:
        for place in places:
            ahead.append((place, pool.submit(work, place)))
            if len(ahead) > 2 * n:
                first, done = ahead.popleft()
                yield first, done.result()
        while ahead:
            first, done = ahead.popleft()
            yield first, done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
