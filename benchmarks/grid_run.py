"""Ours on grids, through an HDF5 file and back, in both settings; and the run over all grids and bounds."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from . import grid_peers, grids, own_data
from .bounds import Bound, keeps
from .coders import through_hdf5
from .grids import Grid
from .isolate import ChildFailed, call
from .tables import RANGES

STABLE, ONCE = "Baler built-in", "Baler built-in, stable=False"


def run_ours(grid: Grid, bound: Bound | None) -> dict[str, dict[str, Any]]:
    """Ours with the built-in model, stable and not; bit for bit without a bound."""
    results: dict[str, dict[str, Any]] = {}
    for name in (STABLE, ONCE) if bound else (STABLE,):
        try:
            results[name] = call(_ours, grid, bound, name == STABLE)
        except ChildFailed as failure:
            results[name] = {"failed": str(failure)}
    return results


def _ours(grid: Grid, bound: Bound | None, stable: bool) -> dict[str, Any]:
    import baler_codec as baler

    x, good = grid.values, grid.valid
    codec = baler.Baler(bound=f"abs={bound.eps!r}" if bound else "exact", stable=stable)
    start = time.perf_counter()
    frame = codec.encode(x)
    middle = time.perf_counter()
    codec.decode(frame)
    end = time.perf_counter()
    stored, decoded = through_hdf5(x, baler.hdf5.Baler(bound=codec.bound, stable=stable))
    if decoded[~good].tobytes() != x[~good].tobytes():
        raise AssertionError("gaps are not bit-exact")
    if bound is None and decoded.tobytes() != x.tobytes():
        raise AssertionError("not bit for bit")
    if bound and not keeps(x[good], decoded[good], bound):
        raise AssertionError("bound broken")
    if bound and stable:
        _, again = through_hdf5(decoded, baler.hdf5.Baler(bound=codec.bound))
        if again.tobytes() != decoded.tobytes():
            raise AssertionError("values moved when they were encoded again")
    return {
        "bytes": stored,
        "ratio": round(x.nbytes / stored, 4),
        "encode_mb_s": round(x.nbytes / (middle - start) / 1e6, 1),
        "decode_mb_s": round(x.nbytes / (end - middle) / 1e6, 1),
    }


# one chunk of each kind of data; the others repeat them in other shapes
USUAL = (
    *("cfd_animation f4", "cube_ux 40:53", "cube_p f4 40:53", "era5_t2m 446:606", "eraint_u 2-D", "eraint_u 3-D"),
    *("hadgem 100:240", "ostia fill 12:42", "xrd_volume 105:117", "hmi NaN", "meg with trigger", "meg", "seismic f4"),
    *("xrd_psd 1200:1328", "xrd_frames 60:84", "seismic", "fmri", "mnist 0:1000"),
)


def at_hand(names: list[str], quick: bool = False, every: bool = False) -> list[Grid]:
    """Grids whose names begin with one of `names` (all without any); quick: those that packages and we provide."""
    found = [g for g in own_data.from_packages() if not names or g.name.startswith(tuple(names))]
    if quick:
        return found[-1:] + found[1:2]
    return found + [g for g in grids.load(names or None) if every or names or g.name in USUAL]


def run(chosen: list[Grid], bounds: list[str] | None = None, peers: str = "") -> dict[str, dict[str, Any]]:
    """Every grid at every bound, as entries for `grid_report.markdown`."""
    results: dict[str, dict[str, Any]] = {}
    for grid in chosen:
        entry: dict[str, Any] = {"shape": list(grid.values.shape), "dtype": str(grid.values.dtype), "bounds": {}}
        ranges = [b.removeprefix("range ") for b in bounds if b.startswith("range")] if bounds else list(RANGES)
        # of integers only the two loose ones are worth an error
        for text in [r for r in ranges if not grid.whole or float(r) >= 1e-3]:
            bound = grid.bound(float(text))
            if bound and bound.eps > 0:
                entry["bounds"][f"range {text}"] = run_ours(grid, bound) | grid_peers.run_bounded(grid, bound, peers)
        if not bounds or "exact" in bounds:
            entry["bounds"]["exact"] = run_ours(grid, None) | grid_peers.run_lossless(grid, peers)
        results[grid.name] = entry
        for name, methods in entry["bounds"].items():
            print(f"{grid.name:20} {name:10} " + _line(methods), flush=True)
    return results


def _line(methods: dict[str, dict[str, Any]]) -> str:
    def ratio(result: dict[str, Any]) -> float:
        return float(result.get("ratio", np.nan))

    return ", ".join(f"{name} {ratio(m):.2f}" for name, m in sorted(methods.items(), key=lambda i: -ratio(i[1])))
