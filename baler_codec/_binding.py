"""The C interface as ctypes sees it: its structures, functions and error codes (filters/include/baler.h)."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import Any

from .errors import (
    BalerError,
    BoundError,
    CorruptDataError,
    LibraryNotFoundError,
    ModelInvalidError,
    ModelNotFoundError,
    ShapeError,
    UnsupportedVersionError,
)

MAX_NDIM = 32
MAX_FIELDS = 1024
_ERRORS: dict[int, type[Exception]] = {
    1: BalerError,
    2: CorruptDataError,
    3: UnsupportedVersionError,
    4: ModelNotFoundError,
    5: ModelInvalidError,
    6: MemoryError,
    7: ShapeError,
    8: BoundError,
}


class Array(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_char),
        ("big_endian", ctypes.c_uint8),
        ("fortran", ctypes.c_uint8),
        ("ndim", ctypes.c_uint8),
        ("itemsize", ctypes.c_uint32),
        ("shape", ctypes.c_uint64 * MAX_NDIM),
    )


class Settings(ctypes.Structure):
    _fields_ = (
        ("model", ctypes.c_void_p),
        ("bound_kind", ctypes.c_uint32),
        ("stable", ctypes.c_uint32),
        ("bound", ctypes.c_double),
        ("latents", ctypes.c_void_p),
        ("n_latents", ctypes.c_uint64),
    )


class Frame(ctypes.Structure):
    _fields_ = (
        ("array", Array),
        ("version", ctypes.c_uint32),
        ("mode", ctypes.c_uint32),
        ("bound_kind", ctypes.c_uint32),
        ("stable", ctypes.c_uint32),
        ("bound", ctypes.c_double),
        ("has_model", ctypes.c_uint32),
        ("model_id", ctypes.c_uint8 * 32),
        ("nbytes", ctypes.c_uint64),
        ("n_exceptions", ctypes.c_uint64),
        ("frame_bytes", ctypes.c_uint64),
        ("payload_bytes", ctypes.c_uint64),
    )


class Field(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_char),
        ("big_endian", ctypes.c_uint8),
        ("reserved", ctypes.c_uint16),
        ("itemsize", ctypes.c_uint32),
        ("offset", ctypes.c_uint32),
        ("elements", ctypes.c_uint32),
        ("bound_kind", ctypes.c_uint32),
        ("bound", ctypes.c_double),
    )


_lock = threading.Lock()
_library: ctypes.CDLL | None = None


def library() -> ctypes.CDLL:
    """Return the native library, loaded at the first call."""
    global _library
    if _library is None:
        with _lock:
            if _library is None:
                _library = _load(library_path())
    return _library


def library_path() -> Path:
    """Return where the native library lies: ``BALER_LIBRARY`` if set, else inside this package."""
    chosen = os.environ.get("BALER_LIBRARY")
    if chosen:
        return Path(chosen)
    folder = Path(__file__).parent / "plugin"
    names = ("libh5baler.so", "libh5baler.dylib", "h5baler.dll", "libh5baler.dll")
    return next((folder / name for name in names if (folder / name).exists()), folder / names[0])


def check(lib: ctypes.CDLL, code: int) -> None:
    """Raise the named error that the code stands for, with the library's text; 0 is none."""
    if code:
        text = lib.baler_last_error().decode(errors="replace") or f"the native library reports error {code}"
        raise _ERRORS.get(code, BalerError)(text)


def _load(path: Path) -> ctypes.CDLL:
    try:
        lib = ctypes.CDLL(str(path))
    except OSError as error:
        cure = "correct BALER_LIBRARY" if os.environ.get("BALER_LIBRARY") else "reinstall baler-codec"
        raise LibraryNotFoundError(f"cannot load the native library {path} ({error}): {cure}") from None
    pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    array, frame = ctypes.POINTER(Array), ctypes.POINTER(Frame)
    words = ctypes.POINTER(ctypes.c_uint)
    settings, number = ctypes.POINTER(Settings), ctypes.POINTER(ctypes.c_uint32)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "baler_version": (text, []),
        "baler_last_error": (text, []),
        "baler_set_threads": (ctypes.c_int, [ctypes.c_int]),
        "baler_threads": (ctypes.c_int, []),
        "baler_model_open": (ctypes.c_int, [text, size, ctypes.POINTER(pointer)]),
        "baler_model_release": (None, [pointer]),
        "baler_model_bytes": (pointer, [pointer, ctypes.POINTER(size)]),
        "baler_model_shape": (None, [pointer, number, number]),
        "baler_model_latents": (ctypes.c_int, [pointer, array, pointer, pointer, size]),
        "baler_encoder_inputs": (ctypes.c_int, [pointer, array, pointer, pointer, size]),
        "baler_encoder_run": (ctypes.c_int, [pointer, pointer, size, pointer, size]),
        "baler_cache_add": (ctypes.c_int, [text, size, pointer]),
        "baler_cache_get": (pointer, [text]),
        "baler_cache_clear": (None, []),
        "baler_encode_bound": (size, [array]),
        "baler_encode": (ctypes.c_int, [array, pointer, settings, pointer, size, ctypes.POINTER(size)]),
        "baler_frame_fields": (ctypes.c_int, [pointer, size, ctypes.POINTER(Field), size, ctypes.POINTER(size)]),
        "baler_frame_info": (ctypes.c_int, [pointer, size, ctypes.c_int, frame]),
        "baler_chunk_bound": (size, [words, size, size]),
        "baler_chunk_encode": (ctypes.c_int, [words, size, pointer, size, pointer, size, ctypes.POINTER(size)]),
        "baler_chunk_decode": (ctypes.c_int, [words, size, text, size, pointer, size]),
        "baler_decode": (ctypes.c_int, [pointer, size, pointer, pointer, size]),
    }
    for name, (result, arguments) in signatures.items():
        try:
            function = getattr(lib, name)
        except AttributeError:
            raise LibraryNotFoundError(f"{path} is not the native library of this release: it lacks {name}") from None
        function.restype, function.argtypes = result, arguments
    return lib
