"""Coding order: which column is coded first."""

from __future__ import annotations

from collections.abc import Sequence

from .hints import Hint
from .prepare import Table
from .relations import Relation


def choose(
    table: Table, relations: dict[int, Relation], hints: Sequence[Hint], wish: Sequence[int] | None
) -> list[int]:
    """Order of all columns: the wish (or cheap, discrete columns first), sources before targets, relations last."""
    free = [j for j in range(len(table.columns)) if j not in relations]
    if wish is None:
        # columns with few values cost little and say much about the others
        rank = {j: (0 if table.columns[j].distinct <= 256 else 1, j) for j in free}
        first = sorted(free, key=lambda j: rank[j])
    else:
        first = [j for j in wish if j in free] + [j for j in free if j not in wish]
    needs = {h.variable: set(h.sources) for h in hints}
    needs |= {j: {c for c, _ in terms} for j, (_, terms) in relations.items()}
    done: list[int] = []

    def place(j: int, path: tuple[int, ...]) -> None:
        if j in done:
            return
        if j in path:
            names = " -> ".join(table.columns[i].name for i in (*path[path.index(j) :], j))
            raise ValueError(f"hints need each other in a circle: {names}")
        for source in sorted(needs.get(j, ()), key=[*first, *relations].index):
            place(source, (*path, j))
        done.append(j)

    for j in [*first, *sorted(relations)]:
        place(j, ())
    return done
