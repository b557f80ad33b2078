"""The peers' coders for one array: bytes in, bytes counted, values decoded again by the peer itself."""

from __future__ import annotations

import itertools
import lzma
from collections.abc import Callable, Iterator
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
_names = itertools.count()


def through_hdf5(x: Array, options: dict[str, Any]) -> tuple[int, Array]:
    """One chunk through an HDF5 filter: (stored bytes, decoded array)."""
    with h5py.File(f"memory-{next(_names)}.h5", "w", driver="core", backing_store=False) as file:
        d = file.create_dataset("x", data=x, chunks=x.shape, **options)
        file.flush()
        return int(d.id.get_storage_size()), d[...]


def blosc2(x: Array) -> tuple[int, Array]:
    """Blosc2 with zstd 9, the better of shuffle and bitshuffle."""
    import hdf5plugin as hp

    kinds = (hp.Blosc2.SHUFFLE, hp.Blosc2.BITSHUFFLE)
    return min((through_hdf5(x, hp.Blosc2(cname="zstd", clevel=9, filters=f)) for f in kinds), key=lambda r: r[0])


def zstd19(x: Array) -> tuple[int, Array]:
    from numcodecs import Zstd  # type: ignore[import-untyped]

    codec = Zstd(level=19)
    stored = codec.encode(np.ascontiguousarray(x))
    return len(stored), np.frombuffer(codec.decode(stored), x.dtype).reshape(x.shape)


def xz(x: Array) -> tuple[int, Array]:
    stored = lzma.compress(x.tobytes(), preset=6)
    return len(stored), np.frombuffer(lzma.decompress(stored), x.dtype).reshape(x.shape)


def pcodec12(x: Array) -> tuple[int, Array]:
    from pcodec import ChunkConfig, standalone  # type: ignore[import-untyped]

    # pcodec takes no single bytes
    wide = x.astype(np.int16 if x.dtype.kind == "i" else np.uint16) if x.dtype.itemsize == 1 else x
    stored = standalone.simple_compress(np.ascontiguousarray(wide).ravel(), ChunkConfig(compression_level=12))
    decoded = standalone.simple_decompress(stored)
    return len(stored), np.asarray(decoded).astype(x.dtype).reshape(x.shape)


LOSSLESS: dict[str, Callable[[Array], tuple[int, Array]]] = {
    "pcodec 12": pcodec12,
    "Blosc2 zstd 9": blosc2,
    "zstd 19": zstd19,
    "xz 6": xz,
}


def _sz3(x: Array, eps: float) -> Iterator[tuple[int, Array]]:
    import hdf5plugin as hp

    yield through_hdf5(x, hp.SZ3(absolute=eps))


def _sz2(x: Array, eps: float) -> Iterator[tuple[int, Array]]:
    import hdf5plugin as hp

    yield through_hdf5(x, hp.SZ(absolute=eps))


def _zfp(x: Array, eps: float) -> Iterator[tuple[int, Array]]:
    import hdf5plugin as hp

    # ZFP's true error is often far under its tolerance: take the loosest that holds.
    for factor in (16, 8, 4, 2, 1, 0.5):
        yield through_hdf5(x, hp.Zfp(accuracy=eps * factor))


def _sperr(x: Array, eps: float) -> Iterator[tuple[int, Array]]:
    import hdf5plugin as hp

    yield through_hdf5(x, hp.Sperr(absolute=eps))


def _pysz(x: Array, eps: float) -> Iterator[tuple[int, Array]]:
    from pysz import (  # type: ignore[import-untyped]
        sz,
        szAlgorithm,
        szConfig,
        szErrorBoundMode,
    )

    results = []
    for name in ("INTERP_LORENZO", "INTERP", "LORENZO_REG", "NOPRED"):
        config = szConfig()
        config.errorBoundMode = szErrorBoundMode.ABS
        config.absErrorBound = eps
        config.cmprAlgo = getattr(szAlgorithm, name)
        stored, _ = sz.compress(np.ascontiguousarray(x), config)
        decoded, _ = sz.decompress(stored, x.dtype, x.shape)
        results.append((int(stored.nbytes), np.asarray(decoded, x.dtype).reshape(x.shape)))
    yield from sorted(results, key=lambda r: r[0])


# Coders with an absolute bound: they yield candidates, best first.
ABSOLUTE: dict[str, Callable[[Array, float], Iterator[tuple[int, Array]]]] = {
    "SZ3": _sz3,
    "SZ3 best of pysz": _pysz,
    "SZ2": _sz2,
    "ZFP": _zfp,
    "SPERR": _sperr,
}


def sz2_pointwise(x: Array, eps: float) -> Iterator[tuple[int, Array]]:
    import hdf5plugin as hp

    yield through_hdf5(x, hp.SZ(pointwise_relative=eps))
