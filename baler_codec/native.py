"""The native library through ctypes: whole buffers in, whole buffers out, error codes made exceptions.

The library is loaded at first use. ctypes releases the GIL during calls, and the library is thread-safe.
"""

from __future__ import annotations

import ctypes
import operator
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _binding
from ._binding import check
from ._binding import library as library
from ._binding import library_path as library_path
from .bound import ErrorBound
from .errors import ShapeError

MODES = ("stored", "built-in", "model", "latent", "bytes", "grid", "fields")
_BOUNDS = ("exact", "abs", "pw_rel", "latent")

Words: TypeAlias = "ctypes.Array[ctypes.c_uint]"


@dataclass(frozen=True, slots=True)
class FrameField:
    """A field of the records in a frame."""

    dtype: np.dtype[Any]
    offset: int
    elements: int
    bound: ErrorBound


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame says about itself."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: str
    version: int
    mode: str
    bound: ErrorBound | None  # None: the model holds the bounds
    stable: bool
    model_id: str | None
    nbytes: int
    n_exceptions: int
    frame_bytes: int
    payload_bytes: int


class NativeModel:
    """A parsed and proved model in the library; free to be shared by threads."""

    def __init__(self, data: bytes) -> None:
        lib = library()
        handle = ctypes.c_void_p()
        check(lib, lib.baler_model_open(data, len(data), ctypes.byref(handle)))
        assert handle.value is not None
        self.handle: int = handle.value
        weakref.finalize(self, lib.baler_model_release, self.handle).atexit = False

    @property
    def shape(self) -> tuple[int, int]:
        """Number of columns (0: any) and of latents."""
        columns, latents = ctypes.c_uint32(), ctypes.c_uint32()
        library().baler_model_shape(self.handle, ctypes.byref(columns), ctypes.byref(latents))
        return columns.value, latents.value

    def encode_latents(self, table: npt.NDArray[Any], patches: int | None = None) -> npt.NDArray[np.int32]:
        """Run the encoder network alone: (rows, columns) → (rows, latents); `patches`: how many frames have in all."""
        lib = library()
        table = contiguous(table)
        rows = patches if patches is not None else table.shape[0] if table.ndim else 1
        out = np.empty((rows, self.shape[1]), np.int32)
        description = describe(table)
        check(lib, lib.baler_model_latents(self.handle, description, _address(table), _address(out), out.size))
        return out

    def encoder_inputs(self, table: npt.NDArray[Any], width: int) -> npt.NDArray[np.int16]:
        """Return what the encoder network sees when a table is encoded: (rows, columns) → (rows, `width` inputs)."""
        lib = library()
        table = contiguous(table)
        out = np.empty((table.shape[0] if table.ndim else 1, width), np.int16)
        description = describe(table)
        check(lib, lib.baler_encoder_inputs(self.handle, description, _address(table), _address(out), out.size))
        return out

    def run_encoder(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Run the encoder network on its own inputs: (rows, inputs) → (rows, latents)."""
        lib = library()
        inputs = np.ascontiguousarray(inputs, np.int16)
        out = np.empty((len(inputs), self.shape[1]), np.int32)
        check(lib, lib.baler_encoder_run(self.handle, _address(inputs), len(inputs), _address(out), out.size))
        return out


def version() -> str:
    """Return the version of the native library."""
    text: bytes = library().baler_version()
    return text.decode()


def set_threads(n: int) -> int:
    """Set how many threads the process's encoding and decoding may use inside their calls.

    Parameters
    ----------
    n : int
        From 1 to 256. At first it is what ``BALER_NUM_THREADS`` says, or 1. It is for single calls on large chunks;
        programs that work on many chunks at a time, as zarr and dask do, need no more than 1.

    Returns
    -------
    int
        The number before.

    Notes
    -----
    All calls at a time have this number, less one, of threads beside those that made them. Bytes never depend on it.
    """
    lib = library()
    before: int = lib.baler_threads()
    check(lib, lib.baler_set_threads(operator.index(n)))
    return before


def get_threads() -> int:
    """Return how many threads the process's encoding and decoding may use inside their calls."""
    n: int = library().baler_threads()
    return n


def last_error() -> str:
    """Return the text of this thread's last error in the library, ``""`` without one."""
    text: bytes = library().baler_last_error()
    return text.decode(errors="replace")


def describe(array: npt.NDArray[Any]) -> _binding.Array:
    """Describe a contiguous array to the library; anything but real numbers is bytes to it."""
    dtype = array.dtype
    described = _binding.Array()
    if array.ndim > _binding.MAX_NDIM:
        raise ShapeError(f"an array of {array.ndim} axes: the format allows {_binding.MAX_NDIM}; reshape it")
    if dtype.kind in "iu" or (dtype.kind == "f" and dtype.itemsize <= 8):
        described.kind = dtype.kind.encode()
        described.big_endian = dtype.str[0] == ">"
        itemsize, shape = dtype.itemsize, array.shape
    elif 1 <= dtype.itemsize <= 65535:
        described.kind, itemsize, shape = b"V", dtype.itemsize, array.shape
    else:
        described.kind, itemsize, shape = b"V", 1, (array.nbytes,)
    described.fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    described.itemsize, described.ndim = itemsize, len(shape)
    described.shape[: len(shape)] = shape
    return described


def contiguous(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array as it is if it is contiguous in C or Fortran order, else a copy in C order."""
    return array if array.flags.c_contiguous or array.flags.f_contiguous else np.ascontiguousarray(array)


def encode(
    array: npt.NDArray[Any],
    *,
    model: NativeModel | None = None,
    bound: ErrorBound | None = None,
    stable: bool = True,
    latents: npt.NDArray[np.int32] | None = None,
) -> bytes:
    """Encode a contiguous array into one frame.

    Parameters
    ----------
    array : numpy.ndarray
        Contiguous in C or Fortran order.
    model : NativeModel, optional
        Its bounds hold; without it the built-in model codes under `bound`.
    bound : ErrorBound, optional
        ``exact`` without one.
    stable : bool
        Whether encoding the decoded values again must give the same values.
    latents : numpy.ndarray of int32, optional
        Rows × latents of an external encoder.
    """
    lib = library()
    described = describe(array)
    settings = _binding.Settings(stable=stable)
    if model is not None:
        settings.model = model.handle
    elif bound is not None:
        settings.bound_kind, settings.bound = _BOUNDS.index(bound.kind), bound.value
    if latents is not None:
        latents = np.ascontiguousarray(latents, np.int32)
        settings.latents, settings.n_latents = _address(latents), latents.size
    out = np.empty(lib.baler_encode_bound(described), np.uint8)
    written = ctypes.c_size_t()
    code = lib.baler_encode(described, _address(array), settings, _address(out), out.size, ctypes.byref(written))
    check(lib, code)
    return out[: written.value].tobytes()


def frame_info(frame: npt.NDArray[np.uint8], *, verify: bool = False) -> Frame:
    """Read the header of a frame, and with `verify` check its CRC as well."""
    lib = library()
    raw = _binding.Frame()
    check(lib, lib.baler_frame_info(_address(frame), frame.size, verify, raw))
    kind, size = raw.array.kind.decode(), raw.array.itemsize
    order = ">" if raw.array.big_endian else "<"
    dtype = np.dtype(f"{order if kind != 'V' else ''}{kind}{size}")
    model_id = "sha256:" + bytes(raw.model_id).hex() if raw.has_model else None
    return Frame(
        dtype=dtype,
        shape=tuple(raw.array.shape[: raw.array.ndim]),
        order="F" if raw.array.fortran else "C",
        version=raw.version,
        mode=MODES[raw.mode],
        bound=None if model_id else ErrorBound(_BOUNDS[raw.bound_kind], raw.bound),
        stable=bool(raw.stable),
        model_id=model_id,
        nbytes=raw.nbytes,
        n_exceptions=raw.n_exceptions,
        frame_bytes=raw.frame_bytes,
        payload_bytes=raw.payload_bytes,
    )


def frame_fields(frame: npt.NDArray[np.uint8]) -> tuple[FrameField, ...]:
    """Read the fields of a frame of records; other frames have none."""
    lib = library()
    count = ctypes.c_size_t()
    fields = (_binding.Field * _binding.MAX_FIELDS)()
    check(lib, lib.baler_frame_fields(_address(frame), frame.size, fields, _binding.MAX_FIELDS, ctypes.byref(count)))
    return tuple(
        FrameField(
            np.dtype(f"{'>' if f.big_endian else '<'}{f.kind.decode()}{f.itemsize}"),
            *(f.offset, f.elements, ErrorBound(_BOUNDS[f.bound_kind], f.bound)),
        )
        for f in fields[: count.value]
    )


def decode(frame: npt.NDArray[np.uint8], out: npt.NDArray[Any], *, model: NativeModel | None = None) -> None:
    """Decode a frame into the memory of a contiguous, writable array of exactly its size."""
    lib = library()
    handle = model.handle if model is not None else None
    check(lib, lib.baler_decode(_address(frame), frame.size, handle, _address(out), out.nbytes))


def encode_chunk(words: Words, chunk: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Encode an HDF5 chunk (contiguous, C order) under a dataset's cd_values, as the filter would."""
    lib = library()
    capacity = lib.baler_chunk_bound(words, len(words), chunk.nbytes)
    out = np.empty(capacity, np.uint8)
    written = ctypes.c_size_t()
    arguments = (words, len(words), _address(chunk), chunk.nbytes, _address(out), capacity)
    check(lib, lib.baler_chunk_encode(*arguments, ctypes.byref(written)))
    return out[: written.value]


def decode_chunk(words: Words, frame: bytes, out: npt.NDArray[Any]) -> None:
    """Decode a chunk of an HDF5 dataset with these cd_values into a contiguous array of exactly its size."""
    lib = library()
    check(lib, lib.baler_chunk_decode(words, len(words), frame, len(frame), _address(out), out.nbytes))


def as_words(values: Sequence[int]) -> Words:
    """Make the array that the library takes as cd_values."""
    return (ctypes.c_uint * len(values))(*(value & 0xFFFFFFFF for value in values))


def cache_add(model: bytes) -> None:
    """Put a model into the library's cache, where the HDF5 filter looks first."""
    lib = library()
    check(lib, lib.baler_cache_add(model, len(model), (ctypes.c_uint8 * 32)()))


def cache_get(digest: bytes) -> bytes | None:
    """Return the bytes of a model in the library's cache, by its sha256."""
    lib = library()
    handle = lib.baler_cache_get(digest)
    if not handle:
        return None
    try:
        size = ctypes.c_size_t()
        address = lib.baler_model_bytes(handle, ctypes.byref(size))
        return ctypes.string_at(address, size.value)
    finally:
        lib.baler_model_release(handle)


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
