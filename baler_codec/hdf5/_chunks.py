"""The chunks of a dataset, coded beside HDF5 with the bytes that its filter pipeline would give."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from .. import native, registry
from .._plugin_path import FILTER_ID
from ..bound import is_numeric
from ..errors import BalerError, ModelNotFoundError
from ._embedding import filter_settings, read_model
from ._selection import Slices, common, inside

if TYPE_CHECKING:
    from ..encoders import LatentEncoder

Place = tuple[int, ...]  # of a chunk's first cell


@dataclass
class Chunks:
    """Chunks of a dataset whose only filter is ours and whose bytes are numpy's."""

    dataset: Any
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    words: native.Words
    fill: npt.NDArray[Any]
    filled: bool  # whether cells that nobody wrote have the fill value
    encoder: LatentEncoder | None = None  # what computes latents; None: the native library

    @classmethod
    def of(cls, dataset: Any) -> Chunks | None:
        """Return None for datasets that only HDF5 itself can read and write."""
        if dataset.chunks is None or dataset.file.driver == "mpio" or not hasattr(dataset.id, "chunk_iter"):
            return None
        plist, dtype = dataset.id.get_create_plist(), dataset.dtype
        if plist.get_nfilters() != 1 or plist.get_filter(0)[0] != FILTER_ID or _edges_are_raw(plist):
            return None
        if dtype.hasobject or dtype.subdtype or h5py.h5t.py_create(dtype) != dataset.id.get_type():
            return None
        if plist.fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED:
            return None
        filled = plist.get_fill_time() != h5py.h5d.FILL_TIME_NEVER
        fill = np.zeros((), dtype)
        if filled:
            plist.get_fill_value(fill)
        return cls(dataset, dtype, dataset.chunks, native.as_words(plist.get_filter(0)[2]), fill, filled)

    def find_model(self) -> None:
        """Put the dataset's model where the library looks first: here it does not ask HDF5."""
        model_id = filter_settings(self.dataset).model_id
        if model_id is None or native.cache_get(bytes.fromhex(model_id.removeprefix("sha256:"))):
            return
        try:
            registry.register(read_model(self.dataset))
        except ModelNotFoundError:
            return  # the library still looks into folders, and says where it looked

    def touched(self, box: Slices) -> Iterator[Place]:
        """Return the places of the chunks that a box touches."""
        return itertools.product(*(range(b.start // n * n, b.stop, n) for b, n in zip(box, self.shape, strict=True)))

    def stored(self) -> set[Place]:
        """Return the places of the chunks that the file holds."""
        found: set[Place] = set()
        if self.dataset.id.get_num_chunks():
            self.dataset.id.chunk_iter(lambda info: found.add(info.chunk_offset))
        return found

    def read_into(self, out: npt.NDArray[Any], box: Slices, at: Place, stored: bool) -> None:
        """Decode what of `box`, whose cells `out` holds, lies in the chunk at a place."""
        chunk = self._cells(at)
        here = common(box, chunk)
        target = out[inside(here, box)]
        if not stored:
            raw(target)[...] = raw(self.fill)
        elif target.shape == self.shape and target.flags.c_contiguous:
            self._load(at, target)
        else:
            whole = np.empty(self.shape, self.dtype)
            self._load(at, whole)
            raw(target)[...] = raw(whole)[inside(here, chunk)]

    def frame(self, values: npt.NDArray[Any], box: Slices, at: Place, stored: bool) -> npt.NDArray[np.uint8]:
        """Encode the chunk at a place after `values`, which are the cells of `box`, were written into it."""
        chunk = self._cells(at)
        here = common(box, chunk)
        source = values[inside(here, box)]
        if source.shape == self.shape and source.dtype == self.dtype:
            memory = np.ascontiguousarray(raw(source))
        else:
            whole = np.empty(self.shape, self.dtype)
            if source.shape != self.shape and stored:
                self._load(at, whole)
            elif source.shape != self.shape:
                raw(whole)[...] = raw(self.fill)
            target = whole[inside(here, chunk)]
            if source.dtype == self.dtype:
                raw(target)[...] = raw(source)
            else:
                with np.errstate(over="ignore", invalid="ignore"):
                    target[...] = source
            memory = whole
        return self._encode(memory)

    def _encode(self, memory: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        if self.encoder is None or not is_numeric(self.dtype):
            return native.encode_chunk(self.words, memory)
        written = filter_settings(self.dataset)
        try:
            latents = self.encoder.latents(memory)
            if latents is None:
                return native.encode_chunk(self.words, memory)
            model = written.native_model(self.dtype)
            frame = native.encode(memory, model=model, stable=written.stable, latents=latents)
        except BalerError:
            return native.encode_chunk(self.words, memory)  # what cannot be coded as asked the filter stores exactly
        return np.frombuffer(frame, np.uint8)

    def _cells(self, at: Place) -> Slices:
        return tuple(slice(a, a + n) for a, n in zip(at, self.shape, strict=True))

    def _load(self, at: Place, out: npt.NDArray[Any]) -> None:
        skipped, frame = self.dataset.id.read_direct_chunk(at)
        if not skipped & 1:
            native.decode_chunk(self.words, frame, out)
        elif len(frame) == out.nbytes:
            raw(out)[...] = np.frombuffer(frame, raw(out).dtype).reshape(out.shape)
        else:
            raise OSError(f"{self.dataset.name} has an unfiltered chunk of {len(frame)} bytes, not {out.nbytes}")


def raw(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View items as plain bytes where numpy might not copy all of their bytes, as between the fields of records."""
    plain = array.dtype.kind in "fiub" and array.dtype.itemsize <= 8
    return array if plain else array.view(f"V{array.dtype.itemsize}")


def converts(given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """Whether numpy converts as HDF5 does: another byte order, or numbers of the processor that become floats."""
    if given == wanted:
        return True
    if given.kind not in "fiu" or wanted.kind not in "fiu" or max(given.itemsize, wanted.itemsize) > 8:
        return False
    return given.newbyteorder("=") == wanted.newbyteorder("=") or (wanted.kind == "f" and wanted.itemsize > 2)


@cache
def _libhdf5() -> ctypes.CDLL:
    return ctypes.CDLL(h5py.h5p.__file__)  # symbols are also looked for in what it links: h5py's own libhdf5


def _edges_are_raw(plist: Any) -> bool:
    # H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS, about which h5py says nothing
    options = ctypes.c_uint()
    try:
        _libhdf5().H5Pget_chunk_opts(ctypes.c_int64(plist.id), ctypes.byref(options))
    except (OSError, AttributeError):
        return False
    return bool(options.value)
