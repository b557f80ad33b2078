"""Every peer as one function (chunk of a table, bounds of its columns) -> bytes per column, each decoded and checked.

A peer that cannot keep a column's bound, or fails, has no figure: it raises PeerFailure, which names the column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from .bounds import Array, Bound, keeps, narrow, quantise
from .coders import ABSOLUTE, LOSSLESS, sz2_pointwise


class PeerFailure(Exception):
    """The peer has no valid figure here."""


Peer = Callable[[Array, list[Bound]], list[int]]


@dataclass(frozen=True)
class Method:
    """A peer with its name and what it is run on."""

    name: str
    run: Peer
    where: str = "all"  # or "relative": mantissa rounding and the like; or "absolute": one bound after scaling


def _columns(one: Callable[[Array, Bound], int]) -> Peer:
    def run(table: Array, bounds: list[Bound]) -> list[int]:
        sizes = []
        for j, bound in enumerate(bounds):
            try:
                sizes.append(one(np.ascontiguousarray(table[:, j]), bound))
            except PeerFailure as failure:
                raise PeerFailure(f"column {j}: {failure}") from None
        return sizes

    return run


def _quantised(coder: str) -> Peer:
    """The classical way: lattice indices (the same lattices as ours, given to the peer) and a lossless coder."""

    def one(x: Array, bound: Bound) -> int:
        if bound.kind == "exact" and not bound.unit:
            return LOSSLESS[coder](x)[0]
        index, decoded, extra = quantise(x, bound)
        if not keeps(x, decoded, bound):
            raise PeerFailure("lattice does not keep the bound")
        integers = narrow(index)
        size, back = LOSSLESS[coder](integers)
        if not np.array_equal(back, integers):
            raise PeerFailure("coder is not lossless")
        return size + extra

    return _columns(one)


def _first_kept(x: Array, bound: Bound, candidates: Iterable[tuple[int, Array]], whole: bool) -> int | None:
    for size, decoded in candidates:
        values = np.rint(decoded).astype(x.dtype) if whole else decoded
        if keeps(x, values, bound):
            return size
    return None


def _absolute_column(coder: str, x: Array, bound: Bound) -> int:
    """One column with an absolute bound; whole numbers are rounded again after decoding, which allows 0.499."""
    whole = bound.unit == 1.0
    eps = max(bound.eps, 0.499) if whole else bound.eps
    for tighten in (1.0, 0.9999, 0.999, 0.99, 0.9, 0.7):
        size = _first_kept(x, bound, ABSOLUTE[coder](x, eps * tighten), whole)
        if size is not None:
            return size
    raise PeerFailure(f"breaks {bound}")


def _log_column(coder: str, x: Array, bound: Bound) -> int:
    """A pointwise relative bound through the absolute one on log2|x|; zeros and signs as a coded byte string."""
    sign = np.sign(x).astype(np.int8)
    there = x != 0
    side = LOSSLESS["zstd 19"](np.packbits(there))[0] if not there.all() else 0
    if (sign < 0).any():
        side += LOSSLESS["zstd 19"](np.packbits(sign[there] < 0))[0]
    log = np.log2(np.abs(x[there].astype(np.float64))).astype(x.dtype)
    if log.size == 0:
        return side
    for tighten in (0.999, 0.99, 0.9, 0.7):
        for size, decoded in ABSOLUTE[coder](log, float(np.log2(1 + bound.eps)) * tighten):
            values = np.zeros_like(x)
            values[there] = (np.exp2(decoded.astype(np.float64)) * sign[there]).astype(x.dtype)
            if keeps(x, values, bound):
                return size + side
    raise PeerFailure(f"breaks {bound} on the logarithm")


def _error_bounded(coder: str) -> Peer:
    def one(x: Array, bound: Bound) -> int:
        if bound.kind == "pw_rel":
            return _log_column(coder, x, bound)
        if bound.kind == "abs":
            return _absolute_column(coder, x, bound)
        best_lossless = min(
            code(narrow(np.rint(x).astype(np.int64)) if bound.unit else x)[0] for code in LOSSLESS.values()
        )
        if not bound.unit:
            return best_lossless
        try:
            return min(best_lossless, _absolute_column(coder, x, bound))
        except PeerFailure:
            return best_lossless

    return _columns(one)


def _sz2_pointwise(x: Array, bound: Bound) -> int:
    if bound.kind != "pw_rel":
        raise PeerFailure("not relative")
    for tighten in (1.0, 0.99, 0.9):
        size = _first_kept(x, bound, sz2_pointwise(x, bound.eps * tighten), False)
        if size is not None:
            return size
    raise PeerFailure(f"breaks {bound}")


def _sz2_native(table: Array, bounds: list[Bound]) -> list[int]:
    def one(x: Array, bound: Bound) -> int:
        return _sz2_pointwise(x, bound) if bound.kind == "pw_rel" else _error_bounded("SZ2")(x[:, None], [bound])[0]

    return _columns(one)(table, bounds)


def _whole_table(coder: str, transposed: bool) -> Peer:
    """All columns at once, each divided by its bound; possible when every bound is absolute."""

    def run(table: Array, bounds: list[Bound]) -> list[int]:
        if any(b.kind != "abs" for b in bounds):
            raise PeerFailure("not all bounds are absolute")
        whole = np.array([b.unit == 1.0 for b in bounds])
        eps = np.array([max(b.eps, 0.499) if b.unit == 1.0 else b.eps for b in bounds])
        scaled = (table.astype(np.float64) / eps).astype(table.dtype)
        scaled = np.ascontiguousarray(scaled.T) if transposed else scaled
        for tighten in (1.0, 0.999, 0.99, 0.9, 0.7):
            for size, decoded in ABSOLUTE[coder](scaled, tighten):
                values = (decoded.T if transposed else decoded).astype(np.float64) * eps
                values = np.where(whole, np.rint(values), values).astype(table.dtype)
                if all(keeps(table[:, j], values[:, j], b) for j, b in enumerate(bounds)):
                    return [size]
        raise PeerFailure("breaks the bound as a whole table")

    return run


def rounded(x: Array, bound: Bound, truncate: bool = False) -> Array:
    """Mantissa rounding (or truncation) for a relative bound, a power-of-two grid for an absolute one."""
    if bound.kind == "exact":
        return x
    if bound.kind == "abs":
        grid = 2.0 ** np.floor(np.log2(bound.eps * (1 if truncate else 2)))
        k = x.astype(np.float64) / grid
        return np.asarray((np.trunc(k) if truncate else np.rint(k)) * grid, x.dtype)
    bits = int(np.ceil(-np.log2(bound.eps))) - (0 if truncate else 1)
    drop = 23 - bits
    raw = x.astype(np.float32).view(np.uint32)
    if not truncate:
        raw = raw + np.uint32(1 << (drop - 1))
    return (raw & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)).view(np.float32)


def _mantissa(coder: str, truncate: bool = False) -> Peer:
    def one(x: Array, bound: Bound) -> int:
        values = np.ascontiguousarray(rounded(x, bound, truncate))
        if not keeps(x, values, bound):
            raise PeerFailure(f"rounding breaks {bound}")
        return LOSSLESS[coder](values)[0]

    return _columns(one)


METHODS: list[Method] = [
    *(Method(f"quantise + {name}", _quantised(name)) for name in LOSSLESS),
    # (SPERR's filter takes two and three axes only: no single columns)
    *(Method(f"{name}, per column", _error_bounded(name)) for name in ABSOLUTE if name != "SPERR"),
    Method("SZ2 pw_rel, per column", _sz2_native, where="relative"),
    *(Method(f"{name}, whole table", _whole_table(name, False), "absolute") for name in ABSOLUTE),
    Method("SZ3 best of pysz, whole table transposed", _whole_table("SZ3 best of pysz", True), "absolute"),
    *(Method(f"mantissa rounding + {name}", _mantissa(name), where="relative") for name in LOSSLESS),
    Method("mantissa truncation + zstd 19", _mantissa("zstd 19", True), where="relative"),
]
