"""Section 5.2: the plan of the built-in model, what a chunk says about its columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from .reader import CorruptDataError
from .side import Side, Table, check

INT32 = 1 << 31


@dataclass
class Source:
    position: int
    lag: int


@dataclass
class Factor:
    """Nothing (one group), the groups of a source, or a score cut at thresholds."""

    sources: list[Source] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    thresholds: list[int] = field(default_factory=list)

    @property
    def is_score(self) -> bool:
        return bool(self.thresholds)


@dataclass
class Planned:
    """Record of one column."""

    column: int
    constant: int | None = None
    scale: int | None = None  # by value
    affine: tuple[int, int] | None = None
    entries: list[int] | None = None
    axes: list[int] = field(default_factory=list)  # of differences
    terms: list[tuple[int, int]] = field(default_factory=list)  # of a relation: position, coefficient
    same: bool = False
    origin: int = 0
    bins: list[tuple[int, int]] = field(default_factory=list)  # start, bits
    factors: list[Factor] = field(default_factory=list)
    first: list[int] = field(default_factory=list)  # token of each group
    z: list[int] = field(default_factory=list)  # number of each group
    sizes: list[int] = field(default_factory=list)  # groups of the two factors
    map: list[int] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def read_plan(side: Side, rows: int, columns: int, n_axes: int) -> list[Planned]:
    plan: list[Planned] = []
    unnamed = list(range(columns))
    for position in range(columns):
        column = unnamed.pop(side.limited(0, columns - position - 1, "order"))
        planned = Planned(column)
        plan.append(planned)
        if side.limited(0, 1, "method") == 0:
            planned.constant = side.signed("value")
            continue
        _transform(side, planned, position, rows, n_axes)
        tokens = _bins(side, planned)
        planned.factors = [_factor(side, position) for _ in range(2)]
        _groups(side, planned, tokens)
        for factor in planned.factors:
            for source in factor.sources:
                if not plan[source.position].first:
                    raise CorruptDataError("source without groups")
        _tables(side, plan, planned, tokens, rows)
    side.finish()
    return plan


def _transform(side: Side, planned: Planned, position: int, rows: int, n_axes: int) -> None:
    if side.limited(0, 1, "flag"):
        planned.scale = check(-900, side.signed("scale"), 900)
    reduction = side.limited(0, 2, "flag")
    if reduction == 1:
        planned.affine = side.signed("base"), side.number("stride")
    elif reduction == 2:
        n = side.limited(1, rows, "entries")
        planned.entries = [side.signed("entry")]
        for _ in range(n - 1):
            planned.entries.append(check(-(1 << 63), planned.entries[-1] + 1 + side.number("gap"), (1 << 63) - 1))
    predictor = side.limited(0, 2, "flag")
    if predictor == 1:
        planned.axes = [side.limited(0, n_axes - 1, "axis") for _ in range(side.limited(1, 4, "axes"))]
    elif predictor == 2:
        if planned.scale is not None or reduction or not position:
            raise CorruptDataError("relation of transformed values")
        for _ in range(side.limited(1, 16, "terms")):
            term = position - 1 - side.limited(0, position - 1, "term")
            planned.terms.append((term, check(-(1 << 20), side.signed("coefficient"), 1 << 20)))
    planned.same = bool(side.limited(0, 1, "flag"))


def _bins(side: Side, planned: Planned) -> int:
    """Read the tree of bins; returns the number of tokens."""
    planned.origin = side.signed("origin")
    nodes = [(0, side.limited(0, 64, "bits"))]
    visited = 0
    while nodes:
        x, b = nodes.pop()
        visited += 1
        if b > 0 and side.bit("split", b):
            nodes += [(x + (1 << (b - 1)), b - 1), (x, b - 1)]
        elif side.bit("leaf", b):
            planned.bins.append((x, b))
        check(0, visited, 32768)
    return planned.same + check(1, len(planned.bins), 256 - planned.same)


def _factor(side: Side, position: int) -> Factor:
    kind = side.limited(0, 2, "factor")
    factor = Factor()
    expected = 0

    def source() -> Source:
        nonlocal expected
        found = check(0, expected + side.signed("step"), position)
        expected = min(found + 1, position)
        return Source(found, side.limited(int(found == position), (1 << 64) - 1, "lag"))

    if kind == 1:
        factor.sources.append(source())
    elif kind == 2:
        for _ in range(side.limited(1, 64, "inputs")):
            factor.sources.append(source())
            factor.weights.append(check(-128, side.signed("weight"), 127))
        n = side.limited(1, 63, "thresholds")
        factor.thresholds.append(check(-INT32, side.signed("threshold"), INT32 - 1))
        for _ in range(n - 1):
            factor.thresholds.append(check(-INT32, factor.thresholds[-1] + side.number("spread"), INT32 - 1))
    return factor


def _groups(side: Side, planned: Planned, tokens: int) -> None:
    for i in range(side.limited(0, min(32, tokens), "groups")):
        planned.first.append(check(0, planned.first[-1] + 1 + side.number("group") if i else 0, tokens - 1))
        planned.z.append(check(-128, (planned.z[-1] if i else 0) + side.signed("z"), 127))


def _tables(side: Side, plan: list[Planned], planned: Planned, tokens: int, rows: int) -> None:
    for factor in planned.factors:
        if factor.is_score:
            planned.sizes.append(len(factor.thresholds) + 1)
        else:
            planned.sizes.append(len(plan[factor.sources[0].position].first) if factor.sources else 1)
    across = planned.sizes[1]
    cells = check(1, planned.sizes[0] * across, 1024)
    n = side.limited(1, min(cells, 64, rows // 256 + 1), "tables")
    planned.map = [0] * cells
    for cell in range(cells if n > 1 else 0):
        if cell and side.bit("as_left"):
            planned.map[cell] = planned.map[cell - 1]
        elif cell >= across > 1 and side.bit("as_above"):
            planned.map[cell] = planned.map[cell - across]
        else:
            planned.map[cell] = side.limited(0, n - 1, "table")
    planned.tables = side.tables(n, tokens)
