"""Coders whose speed is measured: how each encodes one array, what it stores, and how it decodes that again.

Those of hdf5plugin run where their users run them, in an HDF5 file of one chunk, in memory; "baler in HDF5" stands
beside them for the same way. Coders without a bound of their own get a lattice: whole multiples of twice the bound.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bounds import Array, narrow

# before any of them is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("BLOSC_NTHREADS", "1")

_names = itertools.count()


@dataclass(frozen=True)
class Coder:
    """`encode(x)` gives something of `size(stored)` bytes, from which `decode(stored)` gives the array."""

    name: str
    encode: Callable[[Array], Any]
    decode: Callable[[Any], Array]
    size: Callable[[Any], int] = len

    @property
    def ours(self) -> bool:
        return self.name.startswith("Baler")


def of_ours(name: str, codec: Any) -> Coder:
    return Coder(name, codec.encode, codec.decode)


def in_hdf5(name: str, options: Any) -> Coder:
    """One chunk in a file that lies in memory; no chunk cache, so that every reading decodes."""

    def encode(x: Array) -> Any:
        import h5py  # type: ignore[import-untyped]

        path = f"memory-{next(_names)}.h5"
        file = h5py.File(path, "w", driver="core", backing_store=False, rdcc_nbytes=0)
        file.create_dataset("x", data=x, chunks=x.shape, **options)
        file.flush()
        return file["x"]

    def decode(stored: Any) -> Array:
        return np.asarray(stored[...])

    return Coder(name, encode, decode, lambda stored: int(stored.id.get_storage_size()))


def bounded_peers(eps: float, axes: int) -> list[Coder]:
    """Peers with an absolute bound, and lossless coders on a lattice, as far as they are installed."""
    found: list[Coder] = []
    if importlib.util.find_spec("hdf5plugin"):
        import hdf5plugin as hp

        found += [
            in_hdf5("SZ3 (hdf5plugin)", hp.SZ3(absolute=eps)),
            in_hdf5("SZ2 (hdf5plugin)", hp.SZ(absolute=eps)),
            in_hdf5("ZFP (hdf5plugin)", hp.Zfp(accuracy=eps)),
        ]
        if 2 <= axes <= 3:
            found.append(in_hdf5("SPERR (hdf5plugin)", hp.Sperr(absolute=eps)))
        found += [
            on_lattice(in_hdf5("quantise + Blosc2 zstd 5", hp.Blosc2(cname="zstd", clevel=5, filters=2)), eps),
            on_lattice(in_hdf5("quantise + Bitshuffle zstd", hp.Bitshuffle(cname="zstd")), eps),
            on_lattice(in_hdf5("quantise + Zstd 3", hp.Zstd(clevel=3)), eps),
        ]
    if importlib.util.find_spec("pysz"):
        found.append(_pysz(eps))
    if importlib.util.find_spec("pcodec"):
        found.append(on_lattice(_pcodec("quantise + pcodec 8"), eps))
    return found


def lossless_peers() -> list[Coder]:
    found: list[Coder] = []
    if importlib.util.find_spec("hdf5plugin"):
        import hdf5plugin as hp

        found += [
            in_hdf5("Blosc2 zstd 5, bitshuffle", hp.Blosc2(cname="zstd", clevel=5, filters=2)),
            in_hdf5("Bitshuffle zstd", hp.Bitshuffle(cname="zstd")),
            in_hdf5("Zstd 3", hp.Zstd(clevel=3)),
        ]
    if importlib.util.find_spec("pcodec"):
        found.append(_pcodec("pcodec 8"))
    return found


def on_lattice(coder: Coder, eps: float) -> Coder:
    """Quantise, then a lossless coder; numpy's time for the lattice counts."""
    step = 2 * eps * (1 - 2**-10)

    def encode(x: Array) -> tuple[Any, np.dtype[Any]]:
        return coder.encode(narrow(np.rint(x.astype(np.float64) / step).astype(np.int64))), x.dtype

    def decode(stored: tuple[Any, np.dtype[Any]]) -> Array:
        return (coder.decode(stored[0]) * step).astype(stored[1])

    return Coder(coder.name, encode, decode, lambda stored: coder.size(stored[0]))


def _pcodec(name: str) -> Coder:
    from pcodec import ChunkConfig, standalone  # type: ignore[import-untyped]

    def encode(x: Array) -> tuple[bytes, tuple[int, ...], np.dtype[Any]]:
        wide = x.astype(np.int16) if x.dtype.itemsize == 1 else x
        return standalone.simple_compress(np.ascontiguousarray(wide).ravel(), ChunkConfig()), x.shape, x.dtype

    def decode(stored: tuple[bytes, tuple[int, ...], np.dtype[Any]]) -> Array:
        return np.asarray(standalone.simple_decompress(stored[0])).astype(stored[2], copy=False).reshape(stored[1])

    return Coder(name, encode, decode, lambda stored: len(stored[0]))


def _pysz(eps: float) -> Coder:
    from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode  # type: ignore[import-untyped]

    def encode(x: Array) -> tuple[Any, tuple[int, ...], np.dtype[Any]]:
        config = szConfig()
        config.errorBoundMode = szErrorBoundMode.ABS
        config.absErrorBound = eps
        config.cmprAlgo = szAlgorithm.INTERP_LORENZO
        return sz.compress(np.ascontiguousarray(x), config)[0], x.shape, x.dtype

    def decode(stored: tuple[Any, tuple[int, ...], np.dtype[Any]]) -> Array:
        return np.asarray(sz.decompress(stored[0], stored[2], stored[1])[0], stored[2]).reshape(stored[1])

    return Coder("SZ3 (pysz)", encode, decode, lambda stored: int(stored[0].nbytes))
