"""Section 7.3: warps, buckets of cells, widths."""

from __future__ import annotations

from bisect import bisect_right

from .lattice import Lattice
from .model_file import MAX_BUCKETS, Variable, require


def _between(value: float, a: list[float], b: list[float]) -> float:
    if value <= a[0]:
        return b[0]
    if value >= a[-1]:
        return b[-1]
    i = bisect_right(a, value) - 1
    return b[i] + ((value - a[i]) / (a[i + 1] - a[i])) * (b[i + 1] - b[i])


def warp(v: Variable, x: float) -> float:
    return _between(x, v.x, v.z)


def unwarp(v: Variable, z: float) -> float:
    return _between(z, v.z, v.x)


def big_z(v: Variable, x: float) -> int:
    """Z(x): the warped value in units of 2^-14."""
    return round(16384.0 * warp(v, x))


def width(v: Variable, lattice: Lattice) -> int:
    n = max(1, lattice.index(unwarp(v, 1.0)) - lattice.index(unwarp(v, -1.0)))
    e = n.bit_length() - 1
    length = 256 * e + ((n * 256) >> e) - 256
    return min(max(4 * (length - 2048), -16384), 16384)


class Cells:
    """Buckets of the cells of one variable on its lattice."""

    def __init__(self, v: Variable, lattice: Lattice) -> None:
        self.lattice = lattice
        self.k0 = max(lattice.index(v.lo) - 1, lattice.lowest)
        self.k1 = min(lattice.index(v.hi) + 1, lattice.highest)
        self.ks = lattice.index(v.spike) if v.has_spike else None
        self.spike_bucket = -1
        self.start: list[int] = []
        self.w: list[int] = []
        self.ze: list[int] = []

        def z_at(k: int) -> int:
            return big_z(v, lattice.edge(k))

        p = self.k0
        while p <= self.k1:
            w = 0
            here = z_at(p)
            if p == self.ks:
                self.spike_bucket = len(self.start)
            else:
                limit = self.ks if self.ks is not None and p < self.ks <= self.k1 else self.k1 + 1
                while w < 62 and p + (2 << w) <= limit and z_at(p + (2 << w)) - here <= 1 << (14 - v.w):
                    w += 1
            self.start.append(p)
            self.w.append(w)
            self.ze.append(here)
            p += 1 << w
            require(len(self.start) <= 65536, "more buckets than 65536")
        self.n = len(self.start)
        self.ze.append(z_at(self.k1 + 1))
        self.zb = [-(1 << 30), *self.ze[1:-1], 1 << 30]


def check_total(cells: list[Cells]) -> None:
    require(sum(c.n for c in cells) <= MAX_BUCKETS, "more buckets than 2^20")
