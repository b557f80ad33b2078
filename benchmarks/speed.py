"""Speed: ours and the peers' at the same checked bound on one thread, then what adapters, threads and size cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import baler_codec as baler

from . import energy, speed_coders, speed_size, speed_threads, speed_ways
from .bounds import Array
from .clock import best
from .isolate import ChildFailed, call
from .speed_coders import Coder, in_hdf5, of_ours
from .speed_data import MIB, MODEL, Case, flow, jets, temperature

SIZED = (("built-in, table", jets, None), ("cms_jets", jets, MODEL), ("built-in, grid", flow, None))


def run(
    quick: bool = False,
    peers: str = "",
    bounds: list[str] | None = None,
    chunk: float = 4.0,
    own: list[Case] | None = None,
) -> dict[str, Any]:
    """All of it, as one dict for JSON; `chunk` in MiB, `own` cases instead of ours."""
    size = min(int(chunk * MIB), MIB // 2) if quick else int(chunk * MIB)
    times = 1 if quick else 5
    ranges = [float(b) for b in bounds or (["1e-3"] if quick else ["1e-2", "1e-3", "1e-4"])]
    cases = own or [c for c in (jets(size), flow(size), None if quick else temperature(size)) if c is not None]
    found: dict[str, Any] = {"cases": {}, "energy": energy.state()}
    for case in cases:
        found["cases"][case.name] = {f"range {r:g}": _case(case, r, peers, times) for r in ranges}
        if case.shipped_model:
            found["cases"][case.name]["particle physics"] = _physics(case, times)
        found["cases"][case.name]["exact"] = _exact(case, peers, times)
    found["adapters"] = _child(speed_ways.adapters, size, times)
    found["threads"] = speed_threads.threads(size, 4 if quick else 8)
    sizes = [size // 4, size] if quick else [MIB, 4 * MIB, 16 * MIB, 64 * MIB]
    found["linear"] = {name: {f"{n / MIB:g} MiB": _sized(case, n, model) for n in sizes} for name, case, model in SIZED}
    found["entropy"] = _child(speed_size.entropy, size, times)
    return found


def _sized(case: Callable[[int], Case], size: int, model: Any) -> dict[str, Any]:
    try:
        return speed_size.sized(case, size, model)
    except ChildFailed as failure:
        return {"failed": str(failure)}


def _child(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(function, *arguments, seconds=900)
    except ChildFailed as failure:
        return {"failed": str(failure)}


def _case(case: Case, rel: float, peers: str, times: int) -> dict[str, Any]:
    """Every coder at `rel` times the range; tables are scaled before, so that one bound is right for all columns."""
    spread = case.eps
    if case.kind == "table":
        scale = np.where(spread > 0, spread, 1.0)
        values, eps = np.ascontiguousarray((case.values / scale).astype(case.values.dtype)), rel
    else:
        values, eps = case.values, rel * float(spread)
    ours = [of_ours("Baler built-in", baler.Baler(bound=f"abs={eps!r}"))]
    ours += [in_hdf5("Baler built-in, in HDF5", baler.hdf5.Baler(bound=f"abs={eps!r}"))]
    if case.kind == "grid":
        ours += [of_ours("Baler built-in, stable=False", baler.Baler(bound=f"abs={eps!r}", stable=False))]
    others = [c for c in speed_coders.bounded_peers(eps, values.ndim) if peers in c.name]
    found = {c.name: _child(_measure, c, values, eps, times) for c in (*ours, *others)}
    if case.shipped_model:
        bounds = tuple(baler.ErrorBound("abs", rel * float(s)) for s in scale)
        model = baler.load(str(MODEL)).with_bound([str(b) for b in bounds])
        found["Baler cms_jets"] = _child(
            _measure, of_ours("Baler cms_jets", baler.Baler(model)), case.values, bounds, times
        )
    return found


def _physics(case: Case, times: int) -> dict[str, Any]:
    """The shipped model under its own bounds, and the built-in coder under the same."""
    model = baler.load(str(MODEL))
    plain = baler.Model.bounds_only([str(b) for b in model.bounds], list(model.columns))
    coders = [of_ours("Baler cms_jets", baler.Baler(model)), of_ours("Baler built-in", baler.Baler(plain))]
    coders.append(in_hdf5("Baler cms_jets, in HDF5", baler.hdf5.Baler(model)))
    return {c.name: _child(_measure, c, case.values, model.bounds, times) for c in coders}


def _exact(case: Case, peers: str, times: int) -> dict[str, Any]:
    coders = [of_ours("Baler built-in", baler.Baler()), *(c for c in speed_coders.lossless_peers() if peers in c.name)]
    return {c.name: _child(_measure, c, case.values, 0.0, times) for c in coders}


def _kept(values: Array, decoded: Array, bound: Any) -> bool:
    if decoded.dtype != values.dtype or decoded.shape != values.shape:
        return False
    if isinstance(bound, tuple):
        return all(bool(np.all(b.check(values[:, i], decoded[:, i]))) for i, b in enumerate(bound))
    if bound == 0:
        return values.tobytes() == decoded.tobytes()
    error = np.abs(values.astype(np.float64) - decoded.astype(np.float64))
    return bool(np.all((error <= bound) | (values == decoded) | (np.isnan(values) & np.isnan(decoded))))


def _measure(coder: Coder, values: Array, bound: Any, times: int) -> dict[str, Any]:
    coder.decode(coder.encode(values[: max(len(values) // 50, 1)]))  # loads and allocates what it needs
    stored, encode = best(lambda: coder.encode(values), times)
    decoded, decode = best(lambda: coder.decode(stored), times)
    size = coder.size(stored)
    found: dict[str, Any] = {
        "bytes": size,
        "ratio": round(values.nbytes / size, 4),
        "kept": _kept(values, decoded, bound),
        "encode_mb_s": encode.rates(values.nbytes),
        "decode_mb_s": decode.rates(values.nbytes),
    }
    joules = energy.per_gigabyte(lambda: coder.decode(coder.encode(values)), values.nbytes)
    return found | ({"joules_per_gb": joules} if joules is not None else {})
