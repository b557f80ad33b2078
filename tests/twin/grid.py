"""Section 12: the payload of a grid."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .entropy import Bits, Rans
from .grid_classes import read_classes
from .grid_net import GridNet
from .grid_predict import DecodingLoop, Range, read_parameters
from .grid_scans import Turn, extents, scan
from .grid_units import from_units, read_units
from .lattice import Lattice
from .reader import CorruptDataError, Reader
from .side import Side, check

MOST = (1 << 30) - 1  # |u|


def decode(
    memory_order: tuple[int, ...],
    lattice: Lattice,
    stable: bool,
    n_exceptions: int,
    reader: Reader,
    net: GridNet | None = None,
) -> NDArray[Any]:
    """Values in memory order, of the lattice's dtype."""
    grid = extents(memory_order)
    side_bytes, symbols, bits = (reader.raw(reader.varint()) for _ in range(3))
    reader.finish()
    side = Side(side_bytes)
    kind = side.limited(0, 3, "scan")
    q = side.limited(0, 2, "turned") if min(grid.n[1:]) > 1 else 0
    turn = Turn(grid, q)
    closed = bool(side.bit("closed"))
    if closed == stable:
        raise CorruptDataError("closed loop and stable flag")
    fineness = side.limited(4, 10, "fineness") if closed else 0
    classes = read_classes(side, grid, lattice.dtype.itemsize)
    if classes.n_exceptions != n_exceptions:
        raise CorruptDataError("number of exceptions")
    units = read_units(side, closed, grid.cells)
    low = check(-MOST, side.signed("range"), MOST)
    high = check(low, side.signed("range"), MOST)
    coded = [c == 0 for c in turn.there(classes.of)]
    order = scan(kind, turn.grid.n)
    if low < high and any(coded):
        if not side.bit("net"):
            net = None
        elif net is None or kind or q or closed or not net.fits(grid.n):
            raise CorruptDataError("a network that the model has not")
        parameters = read_parameters(side, order.groups, grid.blocks, closed)
        lanes = 1 << side.limited(0, 5, "lanes")
        side.finish()
        loop = DecodingLoop(turn.grid, order, coded, Range(low, high, closed, fineness), parameters, net)
        u = turn.back(loop.read(Rans(symbols or b"\0\0\1\0" * lanes, lanes), Bits(bits)))
    else:
        side.finish()
        if symbols or bits:
            raise CorruptDataError("symbols of no cells")
        u = [low] * grid.cells
    return from_units(units, lattice, classes, u)
