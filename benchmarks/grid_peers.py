"""The peers on one grid: bytes stored, after the bound (or every bit) has been checked on what they decode.

Gaps (NaN, fill values): the peers get the array with the gaps filled, and a zstd-coded mask is counted for them.
Integers at a bound: the error-bounded peers get floats and half a unit more, and what they decode is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .bounds import Array, Bound, cast, keeps, narrow, quantise
from .coders import ABSOLUTE, LOSSLESS
from .grids import Grid
from .isolate import ChildFailed, call

_FOUR_AXES = ("SZ3", "SZ3 best of pysz", "ZFP")
Coder = Callable[[Array], tuple[int, Array]]


def lorenzo(k: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Differences along every axis, at most the last three."""
    for axis in range(max(0, k.ndim - 3), k.ndim):
        k = np.diff(k, axis=axis, prepend=0)
    return k


def views(x: Array, coder: str) -> Iterator[Array]:
    """The shapes in which a peer may see the grid: its own axes if the peer takes as many, and leading axes merged."""
    x = x.reshape([n for n in x.shape if n > 1] or [1])
    most = 4 if coder in _FOUR_AXES else 3
    if coder == "SPERR" and x.ndim == 1:
        x = x[None]
    if x.ndim <= most:
        yield x
    if x.ndim > 3:
        yield x.reshape(-1, *x.shape[x.ndim - 2 :])


def _bounded(coder: str) -> Callable[[Array, Bound], int]:
    def size(view: Array, values: Array, bound: Bound) -> int | None:
        eps = bound.eps + 0.499 if bound.unit else bound.eps
        for tighten in (1.0, 0.9999, 0.999, 0.99, 0.9):
            for stored, decoded in ABSOLUTE[coder](view, eps * tighten):
                if bound.unit:
                    decoded = cast(decoded, values.dtype)
                if keeps(values, np.asarray(decoded).reshape(values.shape), bound):
                    return stored
        return None

    def run(x: Array, bound: Bound) -> int:
        given = x.astype(np.float32 if np.abs(x.astype(np.float64)).max() < 2**24 else np.float64) if bound.unit else x
        found, why = [], f"breaks {bound}"
        for view in views(given, coder):
            try:
                found.append(size(view, x, bound))
            except Exception as error:  # a view that this peer does not take; another may do
                why = f"{type(error).__name__}: {error}"
        sizes = [s for s in found if s is not None]
        if not sizes:
            raise ValueError(why)
        return min(sizes)

    return run


def _quantised(coder: str, differences: bool) -> Callable[[Array, Bound], int]:
    def run(x: Array, bound: Bound) -> int:
        index, decoded, extra = quantise(x, bound)
        if not keeps(x, decoded, bound):
            raise ValueError(f"breaks {bound}")
        return lossless(LOSSLESS[coder], np.ascontiguousarray(narrow(lorenzo(index) if differences else index))) + extra

    return run


def lossless(coder: Coder, values: Array) -> int:
    """Bytes of a lossless coder, whose decoded bytes are compared."""
    size, back = coder(values)
    if back.tobytes() != values.tobytes():
        raise ValueError("not lossless")
    return size


PEERS: dict[str, Callable[[Array, Bound], int]] = {
    **{name: _bounded(name) for name in ABSOLUTE},
    **{f"quantise + {name}": _quantised(name, False) for name in LOSSLESS if name != "xz 6"},
    **{f"quantise + Lorenzo + {name}": _quantised(name, True) for name in LOSSLESS if name != "xz 6"},
}


def run_bounded(grid: Grid, bound: Bound, only: str = "") -> dict[str, dict[str, Any]]:
    """Every peer with `only` in its name on one grid at one bound; a mask is counted for gaps."""
    x = grid.filled
    mask = 0 if grid.valid.all() else LOSSLESS["zstd 19"](np.packbits(grid.valid))[0]
    return {name: _result(x, mask, peer, x, bound) for name, peer in PEERS.items() if only in name}


def run_lossless(grid: Grid, only: str = "") -> dict[str, dict[str, Any]]:
    """Bit for bit: the lossless coders, and, outside the comparison, the same on Lorenzo differences of integers."""
    x = grid.values
    results = {name: _result(x, 0, lossless, coder, x) for name, coder in LOSSLESS.items() if only in name}
    if grid.whole and not only:
        differences = np.ascontiguousarray(narrow(lorenzo(x.astype(np.int64))))
        for name, coder in LOSSLESS.items():
            results[f"(Lorenzo + {name})"] = _result(x, 0, lossless, coder, differences)
    return results


def _result(x: Array, mask: int, peer: Callable[..., int], *args: Any) -> dict[str, Any]:
    try:
        size = call(peer, *args) + mask
    except ChildFailed as failure:
        return {"failed": str(failure)}
    return {"bytes": size, "ratio": round(x.nbytes / size, 4)}
