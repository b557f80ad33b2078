"""Section 12.4: every cell from the neighbours that are known; 12.5 and 12.6: the parameters of that."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

from .entropy import Bits, Rans
from .grid_net import GridNet
from .grid_scans import Extents, Group, Scan
from .grid_tables import CENTRED, LAPLACE, Table, table
from .reader import CorruptDataError, unzigzag
from .side import Side, check

CONTEXTS = 96
MANY_CELLS = 20000  # of a group that has a map of its own
MISS = 1 << 30
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
    gains: list[int]
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
            weights[1:] = _weights(side, len(group.taps) - 1, "precision", "weight")
        gains = [0] * len(group.taps)
        if group.taps and side.bit("fed_back"):
            gains = _weights(side, len(group.taps), "gain_precision", "gain")
        scale = [side.limited(0, (1 << 20) - 1, "scale") for _ in SCALE] if side.bit("scaled") else SCALE
        fine = side.limited(0, 3, "fine") if closed else 0
        result[i] = Parameters(weights, gains, scale, fine, [])
    alone = [group.cells * blocks >= MANY_CELLS for group in groups]
    for parameters, own in zip(result, alone, strict=True):
        if parameters and own:
            parameters.map = _map(side)
    sharing = [parameters for parameters, own in zip(result, alone, strict=True) if parameters and not own]
    shared = _map(side) if sharing else []
    for parameters in sharing:
        parameters.map = shared
    return result


def _weights(side: Side, n: int, precision: str, name: str) -> list[int]:
    shift = 16 - side.limited(0, 16, precision)
    return [check(1 - (1 << 20), side.signed(name) << shift, (1 << 20) - 1) for _ in range(n)]


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


@dataclass
class Cell:
    """What is known of a cell that was passed: u, R and the miss S of its first prediction."""

    u: int = 0
    r: int = 0
    s: int = 0


# 12.4 -----------------------------------------------------------------------------------------------------------------
class Loop:
    """u of all cells, in memory order."""

    def __init__(
        self,
        grid: Extents,
        scan: Scan,
        coded: list[bool],
        limits: Range,
        parameters: list[Parameters | None],
        net: GridNet | None = None,
    ) -> None:
        self.grid, self.scan, self.coded, self.limits, self.parameters = grid, scan, coded, limits, parameters
        self.net = net
        n = grid.n
        self.strides = (n[1] * n[2] * n[3], n[2] * n[3], n[3], 1)
        self.cells = [Cell() for _ in range(grid.cells)]

    def run(self) -> list[int]:
        for block in range(self.grid.blocks):
            for number, place in self.scan.cells:
                parameters = self.parameters[number]
                assert parameters is not None
                at = block * self.grid.block + self._flat(place)
                self.before = self.cells[at - 1].u if at else 0  # of cells without neighbours
                taps = self._taps(self.scan.groups[number], block * self.grid.block, place)
                if self.coded[at]:
                    self._code(at, taps, parameters, block * self.grid.block, place)
                else:
                    self._fill(at, taps, parameters)
        return [cell.u for cell in self.cells]

    def _flat(self, place: tuple[int, ...]) -> int:
        return sum(x * stride for x, stride in zip(place, self.strides, strict=True))

    def _inside(self, place: tuple[int, ...]) -> bool:
        return all(0 <= x < n for x, n in zip(place, self.grid.n, strict=True))

    def _taps(self, group: Group, block: int, place: tuple[int, ...]) -> list[Cell]:
        """Every tap of the group."""
        places = [tuple(map(add, place, offset)) for offset in group.taps]
        inside = [self._inside(there) for there in places]
        if not any(inside):
            return [Cell(self.before, 16)] * len(places)
        first = places[inside.index(True)]
        for i, offset in enumerate(group.taps):
            if not inside[i]:
                leads_inside = [0 <= x < n for x, n in zip(places[i], self.grid.n, strict=True)]
                other = tuple(o if good else -o for o, good in zip(offset, leads_inside, strict=True))
                there = tuple(map(add, place, other))
                places[i] = there if other in group.taps and self._inside(there) else first
        return [self.cells[block + self._flat(there)] for there in places]

    def cell_at(self, block: int, place: tuple[int, ...], offset: tuple[int, ...]) -> Cell | None:
        """The cell at an offset, if it is inside the block."""
        there = tuple(map(add, place, offset))
        return self.cells[block + self._flat(there)] if self._inside(there) else None

    def _clipped(self, x: int, shift: int = 0) -> int:
        return min(max(x, self.limits.low << shift), self.limits.high << shift)

    def _fill(self, at: int, taps: list[Cell], parameters: Parameters) -> None:
        if taps:
            lowest, highest = min(tap.u for tap in taps), max(tap.u for tap in taps)
            room = (highest - lowest) >> 2
            guess = (self._first(taps, parameters) + 128) >> 8
            u = self._clipped(min(max(guess, lowest - room), highest + room))
            one, two = taps[0], taps[1 % len(taps)]
            self.cells[at] = Cell(u, min((one.r + two.r) >> 1, 65535))
        else:
            self.cells[at] = Cell(self._clipped(self.before), 16)

    def _first(self, taps: list[Cell], parameters: Parameters) -> int:
        u0 = taps[0].u if taps else self.before
        products = sum(w * (tap.u - u0) for w, tap in zip(parameters.weights[1:], taps[1:], strict=True))
        return self._clipped((u0 << 8) + ((products + 128) >> 8), 8)

    def _code(self, at: int, taps: list[Cell], parameters: Parameters, block: int, place: tuple[int, ...]) -> None:
        limits, closed, fineness = self.limits, self.limits.closed, self.limits.fineness
        first = self._first(taps, parameters)
        misses = sum(g * tap.s for g, tap in zip(parameters.gains, taps, strict=True))
        p = self._clipped(first + ((misses + (1 << 15)) >> 16), 8)
        e = self._expected(p, taps, parameters.scale)
        context, base = self._context(e), p
        if self.net:
            p, context = self.net.guess(self, block, place, p, e)
            p = self._clipped(p, 8)
        j, shape = parameters.map[context]
        middle = (p + 128) >> 8
        if closed:
            anchor, phase, step = middle, CENTRED, fineness - parameters.fine
        else:
            anchor, phase, step = p >> 8, (p >> 5) & 7, 0
        k = 0
        if j >= 36:
            k, j, phase, anchor = ((j - 36) >> 2) + 1, 32 + ((j - 36) & 3), CENTRED, middle
        u = anchor + (self.number(at, table(shape, j, phase), k, anchor, step) << step)
        u = check(limits.low - limits.slack, u, limits.high + limits.slack)
        off = (abs(u - middle) << 4) >> fineness if closed else abs((u << 8) - base) >> 4
        self.cells[at] = Cell(u, min(off, 65535), min(max((u << 8) - first, -MISS), MISS))

    def _expected(self, p: int, taps: list[Cell], scale: list[int]) -> int:
        h = 4 + self.limits.fineness if self.limits.closed else 4
        parts = taps[:2], taps[2:8], taps[8:13]
        f = [sum(min(abs((tap.u << 8) - p) >> h, 1 << 24) for tap in part) for part in parts]
        f += [sum(tap.r for tap in part) for part in parts] + [1]
        return min(sum(a * x for a, x in zip(scale, f, strict=True)) >> 12, 1 << 30)

    @staticmethod
    def _context(e: int) -> int:
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
            if n > 33:
                raise CorruptDataError("escape of more than 33 bits")
            number = unzigzag(self.bits.get(n))
        g = (number << k) + self.bits.get(k) - ((1 << k) >> 1)
        return check(-(1 << 32), g, 1 << 32)
