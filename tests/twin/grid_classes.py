"""Section 12.2: cells that are not coded, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .grid_scans import Extents
from .reader import CorruptDataError, wrap64
from .side import Side

INDEX, ITEM, LITERAL, FAR = range(4)
PIECE = 32


@dataclass
class Classes:
    """Of every cell its class, 0 if it is coded; and what the others hold, by cell."""

    of: list[int]
    k: dict[int, int] = field(default_factory=dict)
    items: dict[int, int] = field(default_factory=dict)

    @property
    def n_exceptions(self) -> int:
        return len(self.items)


def read_classes(side: Side, grid: Extents, itemsize: int) -> Classes:
    classes = Classes([0] * grid.cells)
    n = side.limited(0, 255, "classes")
    if not n:
        return classes
    kinds: list[tuple[int, int]] = []
    for _ in range(n):
        kind = side.limited(0, 3, "type")
        if kind in (LITERAL, FAR) and any(kind == k for k, _ in kinds):
            raise CorruptDataError("two classes of values of their own")
        kinds.append((kind, side.signed("index") if kind == INDEX else _item(side, itemsize) if kind == ITEM else 0))
    _Map(side, grid, n, classes.of).read()
    for at, c in enumerate(classes.of):
        if c:
            kind, what = kinds[c - 1]
            if kind == INDEX:
                classes.k[at] = what
            elif kind == ITEM:
                classes.items[at] = what
    if any(kind == LITERAL for kind, _ in kinds):
        for at, c in enumerate(classes.of):
            if c and kinds[c - 1][0] == LITERAL:
                classes.items[at] = _item(side, itemsize)
    if any(kind == FAR for kind, _ in kinds):
        k = 0
        for at, c in enumerate(classes.of):
            if c and kinds[c - 1][0] == FAR:
                k = wrap64(k + side.signed("far"))
                classes.k[at] = k
    return classes


def _item(side: Side, itemsize: int) -> int:
    item = 0
    for b in range(min(2, itemsize)):
        node = 1
        while node < 256:
            node = 2 * node + side.bit("high", b, node)
        item = item << 8 | node & 255
    for _ in range((itemsize - 1) // 2):
        item = item << 16 | side.word()
    return item


class _Map:
    """The class of every cell."""

    def __init__(self, side: Side, grid: Extents, n: int, of: list[int]) -> None:
        self.side, self.n, self.of = side, n, of
        self.last = 1
        self.strides = []
        stride = 1
        for extent in reversed(grid.n):
            if extent > 1:
                self.strides.append(stride)
            stride *= extent
        if grid.blocks > 1:
            self.strides.append(stride)
        self.strides = self.strides or [1]
        w, y, t, v, b = (self.strides + [0] * 5)[:5]
        self.context = {
            1: [w, 2 * w, 3 * w, 4 * w, 5 * w, 6 * w],
            2: [w, 2 * w, 3 * w, y, y + 1, y - 1, 2 * y, y - 2, y + 2, 2 * y - 1, 2 * y + 1, y - 3],
            3: [w, 2 * w, y, y + 1, y - 1, 2 * y, t, t - 1, t - y, t + 1, t + y, 2 * t],
            4: [w, 2 * w, y, y + 1, y - 1, t, t - 1, t - y, v, v - 1, v - y, v - t],
            5: [w, 2 * w, y, y + 1, y - 1, t, t - 1, v, v - 1, v - t, b, b - 1],
        }[len(self.strides)]

    def _neighbour(self, at: int, d: int) -> int:
        return self.of[at - d] if 0 < d <= at else 0

    def read(self) -> None:
        if self.side.bit("sparse"):
            self._runs()
        else:
            self._pieces()

    def _runs(self) -> None:
        at, n = 0, len(self.of)
        while at < n:
            at += self.side.limited(0, n - at, "gap")
            if at == n:
                break
            c = self._class(at)
            length = self.side.limited(0, n - at - 1, "run") + 1
            self.of[at : at + length] = [c] * length
            at += length

    def _pieces(self) -> None:
        axis = self.side.limited(0, len(self.strides) - 1, "axis")
        same: list[int] = []

        def there(piece: int) -> int:
            return same[piece] if 0 <= piece < len(same) else 1

        for first in range(0, len(self.of), PIECE):
            p = len(same)
            above = -9
            if len(self.strides) > 1 and first >= self.strides[1]:
                above = (first - self.strides[1]) // PIECE
            c = there(p - 1) + 2 * there(p - 2) + 4 * there(above) + 8 * there(above + 1)
            same.append(self.side.bit("same", c))
            d = next((d for d in reversed(self.strides[: axis + 1]) if d <= first), 0)
            for at in range(first, min(first + PIECE, len(self.of))):
                if same[-1]:
                    self.of[at] = self._neighbour(at, d)
                    continue
                m = sum((self._neighbour(at, d) != 0) << i for i, d in enumerate(self.context))
                if self.side.bit("masked", m):
                    self.of[at] = self._class(at)

    def _class(self, at: int) -> int:
        if self.n == 1:
            return 1
        around = [self._neighbour(at, d) for d in self.strides]
        guess = next((c for c in around if c), 0)
        g = sum((c == guess) << i for i, c in enumerate(around[:3])) if guess else 0
        guess = guess or self.last
        self.last = guess if self.side.bit("again", g) else self.side.limited(0, self.n - 1, "kind") + 1
        return self.last
