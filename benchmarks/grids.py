"""Grids: fields of two to four axes, one chunk each, at bounds relative to the range of their valid values.

Fill values and NaN: the peers get the array with the gaps filled by the value before, and a zstd-coded mask is
counted for them; ours gets the array as it is. Integers and floats are also compared bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .bounds import Array, Bound, keeps, narrow, quantise
from .coders import ABSOLUTE, LOSSLESS, through_hdf5
from .isolate import ChildFailed, call
from .tables import RANGES, data_directory


@dataclass
class Grid:
    """A chunk of a field; `valid` is False where there is no value."""

    name: str
    values: Array
    valid: npt.NDArray[np.bool_]

    @property
    def filled(self) -> Array:
        """The values with gaps filled by the one before (in memory order)."""
        if self.valid.all():
            return self.values
        flat, ok = self.values.ravel(), self.valid.ravel()
        index = np.maximum.accumulate(np.where(ok, np.arange(ok.size), 0))
        return np.ascontiguousarray(np.where(ok[index], flat[index], flat[ok][0]).reshape(self.values.shape))

    def bound(self, rel: float) -> Bound:
        """`rel` times the range of the valid values."""
        good = self.values[self.valid].astype(np.float64)
        return Bound("abs", rel * float(good.max() - good.min()))


# file, first index of the chunk, how many (of the first axis), whether to take the logarithm
_FLOATS = [
    ("cfd_animation", "CFD_animation.npz", 0, 60),
    ("cube_ux", "cfd_cube66_ux_f32.npy", 40, 13),
    ("cube_p", "cfd_cube66_p_f64_61frames.npy", 40, 13),
    ("era5_t2m", "era5_t2m_uk_2019_03.npy", 446, 160),
    ("eraint_u", "eraint_u.npy", 0, 1),
    ("hadgem", "hadgem_A1B_airtemp.npy", 100, 140),
    ("ostia_fill", "ostia_sst_fill1e20.npy", 12, 30),
    ("xrd_volume", "xrd_sim_1EI7_volume_f32.npy", 105, 12),
    ("hmi_nan", "sdo_hmi_magnetogram.npy", 0, None),
    ("meg", "meg_4D_bti.npy", 0, None),
]
_INTEGERS = [
    ("xrd_psd", "xrd_psd_spec_1800.npy", 1200, 200),
    ("xrd_frames", "xrd_sim_1EI7_frames_u16_120.npy", 60, 24),
    ("seismic", "seismic_IU_ANMO.npy", 0, None),
    ("fmri", "fmri_example4d_i2.npy", 0, None),
    ("mnist", "mnist5k_X_u8.npy", 0, 1000),
]


def load() -> tuple[list[Grid], list[Grid]]:
    """Return the grids of floats and of integers at hand (empty, and said so, without the data directory)."""
    place = data_directory()
    if place is None:
        print("skipped: grids (set BALER_DATA to the directory of the data sets)")
        return [], []
    floats = [_grid(place, *entry) for entry in _FLOATS if (place / entry[1]).exists()]
    return floats, [_grid(place, *entry) for entry in _INTEGERS if (place / entry[1]).exists()]


def _grid(place: Path, name: str, file: str, start: int, count: int | None) -> Grid:
    found = np.load(place / file, mmap_mode="r")
    values = found["data"] if isinstance(found, np.lib.npyio.NpzFile) else found
    values = np.asarray(values[start : None if count is None else start + count])
    if values.dtype.kind == "f":
        values = values.astype(np.float32)
    while values.ndim > 1 and values.shape[0] == 1:
        values = values[0]
    values = np.ascontiguousarray(values)
    if values.dtype.kind != "f":
        return Grid(name, values, np.ones(values.shape, bool))
    return Grid(name, values, np.isfinite(values) & (np.abs(values) < 1e19))


def lorenzo(k: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Differences along every axis, at most the last three."""
    for axis in range(max(0, k.ndim - 3), k.ndim):
        k = np.diff(k, axis=axis, prepend=0)
    return k


def _candidates(coder: str, x: Array, bound: Bound) -> Iterator[int]:
    for tighten in (1.0, 0.9999, 0.999, 0.99, 0.9):
        for size, decoded in ABSOLUTE[coder](_axes(x, coder), bound.eps * tighten):
            if keeps(x, decoded.reshape(x.shape), bound):
                yield size
                return


def _axes(x: Array, coder: str) -> Array:
    limit, least = 3, 2 if coder == "SPERR" else 1
    if x.ndim > limit:
        return x.reshape(-1, *x.shape[x.ndim - limit + 1 :])
    return x.reshape((1,) * (least - x.ndim) + x.shape) if x.ndim < least else x


def _bounded(coder: str) -> Callable[[Array, Bound], int]:
    def run(x: Array, bound: Bound) -> int:
        size = next(_candidates(coder, x, bound), None)
        if size is None:
            raise ValueError(f"breaks {bound}")
        return size

    return run


def _quantised(coder: str, differences: bool) -> Callable[[Array, Bound], int]:
    def run(x: Array, bound: Bound) -> int:
        index, _, extra = quantise(x, bound)
        return LOSSLESS[coder](narrow(lorenzo(index) if differences else index))[0] + extra

    return run


PEERS: dict[str, Callable[[Array, Bound], int]] = {
    **{name: _bounded(name) for name in ABSOLUTE},
    **{f"quantise + {name}": _quantised(name, False) for name in ("pcodec 12", "Blosc2 zstd 9", "zstd 19", "xz 6")},
    **{f"quantise + Lorenzo + {name}": _quantised(name, True) for name in ("pcodec 12", "Blosc2 zstd 9")},
}


def run_peers(grid: Grid, bound: Bound) -> dict[str, dict[str, Any]]:
    """Every peer on one grid at one bound; a mask is counted for gaps."""
    x = grid.filled
    mask = 0 if grid.valid.all() else LOSSLESS["zstd 19"](np.packbits(grid.valid))[0]
    results: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        try:
            size = call(peer, x, bound) + mask
            results[name] = {"bytes": size, "ratio": round(x.nbytes / size, 4)}
        except ChildFailed as failure:
            results[name] = {"failed": str(failure)}
    return results


def run_ours(grid: Grid, bound: Bound | None) -> dict[str, dict[str, Any]]:
    """Ours with the built-in model, stable and not; bit for bit without a bound."""
    results: dict[str, dict[str, Any]] = {}
    for name, stable in (("Baler built-in", True), ("Baler built-in, stable=False", False)):
        if bound is None and not stable:
            continue
        try:
            results[name] = call(_ours, grid, bound, stable)
        except ChildFailed as failure:
            results[name] = {"failed": str(failure)}
    return results


def _ours(grid: Grid, bound: Bound | None, stable: bool) -> dict[str, Any]:
    import time

    import baler_codec as baler

    x = grid.values
    codec = baler.Baler(bound=f"abs={bound.eps!r}" if bound else "exact", stable=stable)
    start = time.perf_counter()
    frame = codec.encode(x)
    middle = time.perf_counter()
    codec.decode(frame)
    end = time.perf_counter()
    stored, decoded = through_hdf5(x, baler.hdf5.Baler(bound=codec.bound, stable=stable))
    good = grid.valid
    if not np.array_equal(decoded[~good], x[~good], equal_nan=x.dtype.kind == "f"):
        raise AssertionError("gaps are not bit-exact")
    if not keeps(x[good], decoded[good], bound or Bound("exact")):
        raise AssertionError("bound broken")
    return {
        "bytes": stored,
        "ratio": round(x.nbytes / stored, 4),
        "encode_mb_s": round(x.nbytes / (middle - start) / 1e6, 1),
        "decode_mb_s": round(x.nbytes / (end - middle) / 1e6, 1),
    }


def run_lossless(grid: Grid) -> dict[str, dict[str, Any]]:
    """Bit for bit: the lossless coders, also on Lorenzo differences of integers, beside ours."""
    x = grid.values
    results = run_ours(grid, None)
    for name, coder in LOSSLESS.items():
        variants = {name: x}
        if x.dtype.kind != "f":
            variants[f"Lorenzo + {name}"] = narrow(lorenzo(x.astype(np.int64)))
        for label, values in variants.items():
            try:
                size = call(_size, coder, np.ascontiguousarray(values))
                results[label] = {"bytes": size, "ratio": round(x.nbytes / size, 4)}
            except ChildFailed as failure:
                results[label] = {"failed": str(failure)}
    return results


def _size(coder: Callable[[Array], tuple[int, Array]], values: Array) -> int:
    size, back = coder(values)
    if back.tobytes() != values.tobytes():
        raise ValueError("not lossless")
    return size


def run(only: list[str] | None = None, bounds: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Every grid at every bound, as entries for `report.grid_markdown`."""
    floats, integers = load()
    results: dict[str, dict[str, Any]] = {}
    for grid in floats + integers:
        if only and grid.name not in only:
            continue
        entry: dict[str, Any] = {"shape": list(grid.values.shape), "dtype": str(grid.values.dtype), "bounds": {}}
        if grid.values.dtype.kind == "f":
            for text in RANGES:
                if not bounds or f"range {text}" in bounds:
                    bound = grid.bound(float(text))
                    entry["bounds"][f"range {text}"] = run_ours(grid, bound) | run_peers(grid, bound)
        if not bounds or "exact" in bounds:
            entry["bounds"]["exact"] = run_lossless(grid)
        results[grid.name] = entry
        print(grid.name, {b: {n: r.get("ratio") for n, r in m.items()} for b, m in entry["bounds"].items()}, flush=True)
    return results
