"""Section 12.4: every cell from the neighbours that are known; 12.5 and 12.6: the parameters of that."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

from .entropy import Bits, Rans
from .grid_scans import Extents, Group, Scan
from .grid_tables import CENTRED, LAPLACE, Table, table
from .reader import CorruptDataError, unzigzag
from .side import Side, check

CONTEXTS = 96
MANY_CELLS = 20000  # of a group that has a map of its own
SCALE = [256, 85, 0, 512, 170, 0, 1024]


@dataclass
class Range:
    """Of the u of coded cells; L (fineness) in a closed loop."""

    low: int
    high: int
    closed: bool
    fineness: int

    @property
    def slack(self) -> int:
        """How far a decoded u may lie outside."""
        return 1 << self.fineness if self.closed else 0


Map = list[tuple[int, int]]  # J and shape by context


@dataclass
class Parameters:
    """Of one group."""

    weights: list[int]
    scale: list[int]
    fine: int
    map: Map


# 12.5, 12.6 -------------------------------------------------------------------------------------------------------
def read_parameters(side: Side, groups: list[Group], blocks: int, closed: bool) -> list[Parameters | None]:
    """None for a group without cells."""
    result: list[Parameters | None] = [None] * len(groups)
    for i, group in enumerate(groups):
        if not group.cells:
            continue
        weights = [round(65536 * w) for w in group.weights]
        if side.bit("fitted"):
            precision = side.limited(0, 16, "precision")
            for tap in range(1, len(group.taps)):
                w = side.signed("weight") << (16 - precision)
                weights[tap] = check(1 - (1 << 20), w, (1 << 20) - 1)
        scale = [side.limited(0, (1 << 20) - 1, "scale") for _ in SCALE] if side.bit("scaled") else SCALE
        fine = side.limited(0, 3, "fine") if closed else 0
        result[i] = Parameters(weights, scale, fine, [])
    alone = [group.cells * blocks >= MANY_CELLS for group in groups]
    for parameters, own in zip(result, alone, strict=True):
        if parameters and own:
            parameters.map = _map(side)
    sharing = [parameters for parameters, own in zip(result, alone, strict=True) if parameters and not own]
    shared = _map(side) if sharing else []
    for parameters in sharing:
        parameters.map = shared
    return result


def _map(side: Side) -> Map:
    turned = [(0, LAPLACE)] * CONTEXTS
    if side.bit("mapped"):
        first = side.limited(0, 95, "from")
        d, shape = 0, LAPLACE
        for c in range(first, first + side.limited(0, 95 - first, "many") + 1):
            d = check(-160, d + side.signed("turn"), 160)
            if side.bit("other"):
                shape = 2 * side.plain() + side.plain()
            turned[c] = d, shape
    normal = [0, *range(4, CONTEXTS + 3)]
    return [(min(max(j + d, 0), 159), shape) for j, (d, shape) in zip(normal, turned, strict=True)]


# 12.4 -----------------------------------------------------------------------------------------------------------------
class Loop:
    """u of all cells, in memory order."""

    def __init__(
        self, grid: Extents, scan: Scan, coded: list[bool], limits: Range, parameters: list[Parameters | None]
    ) -> None:
        self.grid, self.scan, self.coded, self.limits, self.parameters = grid, scan, coded, limits, parameters
        n = grid.n
        self.strides = (n[1] * n[2] * n[3], n[2] * n[3], n[3], 1)
        self.u = [0] * grid.cells
        self.r = [0] * grid.cells
        self.before = 0  # u of the cell coded before

    def run(self) -> list[int]:
        for block in range(self.grid.blocks):
            for number, place in self.scan.cells:
                parameters = self.parameters[number]
                assert parameters is not None
                at = block * self.grid.block + self._flat(place)
                taps = self._taps(self.scan.groups[number], block * self.grid.block, place)
                if self.coded[at]:
                    self._code(at, taps, parameters)
                else:
                    self._fill(at, taps)
        return self.u

    def _flat(self, place: tuple[int, ...]) -> int:
        return sum(x * stride for x, stride in zip(place, self.strides, strict=True))

    def _inside(self, place: tuple[int, ...]) -> bool:
        return all(0 <= x < n for x, n in zip(place, self.grid.n, strict=True))

    def _taps(self, group: Group, block: int, place: tuple[int, ...]) -> list[tuple[int, int]]:
        """(u, R) of every tap of the group."""
        places = [tuple(map(add, place, offset)) for offset in group.taps]
        inside = [self._inside(there) for there in places]
        if not any(inside):
            return [(self.before, 16)] * len(places)
        first = places[inside.index(True)]
        for i, offset in enumerate(group.taps):
            if not inside[i]:
                leads_inside = [0 <= x < n for x, n in zip(places[i], self.grid.n, strict=True)]
                other = tuple(o if good else -o for o, good in zip(offset, leads_inside, strict=True))
                there = tuple(map(add, place, other))
                places[i] = there if other in group.taps and self._inside(there) else first
        at = [block + self._flat(there) for there in places]
        return [(self.u[a], self.r[a]) for a in at]

    def _clipped(self, x: int, shift: int = 0) -> int:
        return min(max(x, self.limits.low << shift), self.limits.high << shift)

    def _fill(self, at: int, taps: list[tuple[int, int]]) -> None:
        if not taps:
            self.u[at], self.r[at] = self._clipped(self.before), 16
            return
        (u0, r0), (u1, r1) = taps[0], taps[1 % len(taps)]
        self.u[at] = self._clipped((u0 + u1) >> 1)
        self.r[at] = min((r0 + r1) >> 1, 65535)

    def _code(self, at: int, taps: list[tuple[int, int]], parameters: Parameters) -> None:
        limits, closed, fineness = self.limits, self.limits.closed, self.limits.fineness
        u0 = taps[0][0] if taps else self.before
        products = sum(w * (u - u0) for w, (u, _) in zip(parameters.weights[1:], taps[1:], strict=True))
        p = self._clipped((u0 << 8) + ((products + 128) >> 8), 8)
        j, shape = parameters.map[self._context(p, taps, parameters.scale)]
        middle = (p + 128) >> 8
        if closed:
            anchor, phase, step = middle, CENTRED, fineness - parameters.fine
        else:
            anchor, phase, step = p >> 8, (p >> 5) & 7, 0
        k = 0
        if j >= 36:
            k, j, phase, anchor = ((j - 36) >> 2) + 1, 32 + ((j - 36) & 3), CENTRED, middle
        u = anchor + (self.number(at, table(shape, j, phase), k, anchor, step) << step)
        self.u[at] = check(limits.low - limits.slack, u, limits.high + limits.slack)
        self.before = u
        off = (abs(u - middle) << 4) >> fineness if closed else abs((u << 8) - p) >> 4
        self.r[at] = min(off, 65535)

    def _context(self, p: int, taps: list[tuple[int, int]], scale: list[int]) -> int:
        h = 4 + self.limits.fineness if self.limits.closed else 4
        parts = taps[:2], taps[2:8], taps[8:13]
        f = [sum(min(abs((u << 8) - p) >> h, 1 << 24) for u, _ in part) for part in parts]
        f += [sum(r for _, r in part) for part in parts] + [1]
        e = min(sum(a * x for a, x in zip(scale, f, strict=True)) >> 12, 1 << 30)
        if e == 0:
            return 0
        length = e.bit_length() - 1
        q = ((e << 2) >> length) & 3
        return min(95, 1 + 4 * length + q)

    def number(self, at: int, chosen: Table, k: int, anchor: int, step: int) -> int:
        """How many steps of 2^step the cell is from its anchor: a symbol of the table and k plain bits."""
        raise NotImplementedError


class DecodingLoop(Loop):
    def read(self, rans: Rans, bits: Bits) -> list[int]:
        self.rans, self.bits = rans, bits
        self.coded_cells = 0
        u = self.run()
        rans.finish()
        bits.finish()
        return u

    def number(self, at: int, chosen: Table, k: int, anchor: int, step: int) -> int:
        number = chosen.decode(self.rans, self.coded_cells % len(self.rans.state))
        self.coded_cells += 1
        if number is None:
            n = self.bits.get(7)
            if n > 40:
                raise CorruptDataError("escape of more than 40 bits")
            number = unzigzag(self.bits.get(n))
        return (number << k) + self.bits.get(k) - ((1 << k) >> 1)
