"""A supply of training rows under many bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .lattices import ABS, EXACT, PW_REL, Bound, Int
from .packs import BLOCK, Layout, Packed, build
from .prepare import Table, integral

ALONE = 0.02  # share of rows that are shown without the row before, as in the first slice of a chunk


def range_bounds(table: Table, relative: float) -> list[Bound]:
    """Absolute bounds that are a fraction of each column's range."""
    columns = table.columns[: table.n_columns]
    return [Bound(ABS, relative * c.span) if c.span > 0 else Bound(EXACT) for c in columns]


def random_bounds(table: Table, generator: np.random.Generator) -> list[Bound]:
    """Draw bounds as users may set them: a common level, from which columns differ."""
    level = generator.uniform(1.5, 5.5)
    bounds = []
    for column in table.columns[: table.n_columns]:
        own = float(np.clip(level + generator.normal(0.0, 0.6), 1.0, 7.0))
        pick = generator.random()
        if column.span <= 0 or (integral(column) and pick < 0.7):
            bounds.append(Bound(EXACT))
        elif column.positive and not integral(column) and pick < 0.4:
            # quarter decades: log lattices take time to build
            bounds.append(Bound(PW_REL, 10.0 ** (-round(4 * np.clip(own, 2.0, 4.5)) / 4)))
        else:
            bounds.append(Bound(ABS, column.span * 10.0**-own))
    return bounds


class Pool:
    """Packs of rows under the user's bounds, fractions of the range, and random ones; old packs make way for new."""

    def __init__(
        self,
        layout: Layout,
        rows: Int,
        bounds: Sequence[Bound],
        seed: int,
        packs: int = 40,
        size: int = 4096,
        ranges: float = 0.4,
        random: float = 0.2,
    ) -> None:
        self.layout, self.rows = layout, np.sort(rows)
        self.bounds = list(bounds)
        self.generator = np.random.default_rng(seed)
        self.size = min(size, max(1, len(rows)))
        packs = min(packs, max(8, 200_000_000 // (4 * self.size * layout.width)))
        n_random, n_ranges = round(packs * random), round(packs * ranges)
        kinds = ["user"] * (packs - n_random - n_ranges) + ["random"] * n_random
        kinds += [f"1e-{2 + i % 4}" for i in range(n_ranges)]
        self.kinds = [kinds[int(i)] for i in self.generator.permutation(packs)]
        self.data = np.concatenate([self._pack(kind) for kind in self.kinds])
        self.next = 0

    def _pack(self, kind: str) -> Packed:
        if kind == "user":
            bounds = self.bounds
        elif kind == "random":
            bounds = random_bounds(self.layout.table, self.generator)
        else:
            bounds = range_bounds(self.layout.table, float(kind))
        if self.size >= len(self.rows):
            pick = self.rows
        else:
            starts = self.generator.integers(0, len(self.rows), -(-self.size // BLOCK))
            pick = self.rows[((starts[:, None] + np.arange(BLOCK)) % len(self.rows)).ravel()[: self.size]]
        return build(self.layout, bounds, pick, self.generator.random(len(pick)) < ALONE)

    def renew(self) -> None:
        """Replace the oldest pack."""
        start = self.next * self.size
        self.data[start : start + self.size] = self._pack(self.kinds[self.next])
        self.next = (self.next + 1) % len(self.kinds)
