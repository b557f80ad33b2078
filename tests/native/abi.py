"""The native library through its C interface, for tests alone: its structures are the package's, the calls are not."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_codec import native
from baler_codec._binding import Array, Frame, Settings

FILTERS = Path(__file__).parents[2] / "filters"
EXACT, ABS, PW_REL, LATENT = range(4)
STORED, BUILTIN, MODEL, LATENT_ONLY, BYTES = range(5)
ARGUMENT, CORRUPT, VERSION, MODEL_MISSING, MODEL_INVALID, MEMORY, BUFFER, UNSUPPORTED = range(1, 9)


class NativeError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@dataclass(frozen=True)
class Bound:
    kind: int = EXACT
    value: float = 0.0


def build_folder(what: str) -> Path:
    """Where the tests of this checkout build something; kept from run to run."""
    checkout = hashlib.sha256(str(FILTERS).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"baler-tests-{os.getuid()}-{checkout}-{what}"


@cache
def library() -> ctypes.CDLL:
    """$BALER_LIBRARY, or the installed package's library, or one built afresh from filters/."""
    installed = native.library_path()
    path = os.environ.get("BALER_LIBRARY") or (str(installed) if installed.exists() else None)
    if path is None:
        build = build_folder("library")
        options = ["-DCMAKE_BUILD_TYPE=Release"]
        subprocess.run(["cmake", "-S", str(FILTERS), "-B", str(build), *options], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", str(build), "--parallel", "2"], check=True, capture_output=True)
        path = str(next(build.glob("libh5baler.*")))
    lib = ctypes.CDLL(path)
    lib.baler_last_error.restype = ctypes.c_char_p
    lib.baler_version.restype = ctypes.c_char_p
    lib.baler_encode_bound.restype = ctypes.c_size_t
    lib.baler_cache_get.restype = ctypes.c_void_p
    lib.baler_model_bytes.restype = ctypes.c_void_p
    lib.baler_model_release.argtypes = [ctypes.c_void_p]
    lib.baler_decode.argtypes = [ctypes.c_void_p, ctypes.c_size_t] * 1 + [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ]
    lib.baler_frame_info.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
    return lib


def check(code: int) -> None:
    if code:
        raise NativeError(code, library().baler_last_error().decode())


def describe(x: NDArray[Any]) -> Array:
    """The array's description. It must be contiguous, in C or in Fortran order."""
    kind = x.dtype.kind if x.dtype.kind in "fiu" else "V"
    fortran = x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous
    assert fortran or x.flags.c_contiguous
    big = kind != "V" and x.dtype.itemsize > 1 and x.dtype.newbyteorder(">") == x.dtype
    shape = (ctypes.c_uint64 * 32)(*x.shape)
    return Array(kind.encode(), big, fortran, x.ndim, x.dtype.itemsize, shape)


def encode(x: NDArray[Any], bound: Bound = Bound(), model: int | None = None) -> bytes:
    array = describe(x)
    settings = Settings(model=model, bound_kind=bound.kind, stable=1, bound=bound.value)
    out = ctypes.create_string_buffer(library().baler_encode_bound(ctypes.byref(array)))
    written = ctypes.c_size_t()
    data = ctypes.c_void_p(x.ctypes.data)
    arguments = (ctypes.byref(array), data, ctypes.byref(settings), out, ctypes.c_size_t(len(out)))
    check(library().baler_encode(*arguments, ctypes.byref(written)))
    return out.raw[: written.value]


def info(frame: bytes, verify: bool = True) -> Frame:
    out = Frame()
    check(library().baler_frame_info(frame, len(frame), verify, ctypes.byref(out)))
    return out


def payload_start(frame: bytes) -> int:
    return len(frame) - 4 - int(info(frame).payload_bytes)


def decode_bytes(frame: bytes, size: int, model: int | None = None) -> bytes:
    out = ctypes.create_string_buffer(size)
    check(library().baler_decode(frame, len(frame), model, out, size))
    return out.raw


def decode_like(frame: bytes, x: NDArray[Any], model: int | None = None) -> NDArray[Any]:
    """The frame's values as an array of x's dtype, shape and memory order."""
    out = np.empty_like(x)
    check(library().baler_decode(frame, len(frame), model, out.ctypes.data, out.nbytes))
    return out
