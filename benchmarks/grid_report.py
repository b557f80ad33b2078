"""Results on grids as Markdown: geometric means, the cells we lose, then everything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .grid_run import ONCE, STABLE


@dataclass(frozen=True)
class Cell:
    """Ours beside the best peer: one grid, bound and setting."""

    grid: str
    kind: str  # "floats" or "integers"
    bound: str
    setting: str
    ratio: float
    peer: str
    best: float

    @property
    def gain(self) -> float:
        return self.ratio / self.best


def best_peer(methods: dict[str, dict[str, Any]]) -> tuple[str, float] | None:
    """Name and ratio of the best peer; ours begin with "Baler", what is only told stands in brackets."""
    ratios = {n: m["ratio"] for n, m in methods.items() if "ratio" in m and not n.startswith(("Baler", "("))}
    return max(ratios.items(), key=lambda item: item[1]) if ratios else None


def cells(grids: dict[str, dict[str, Any]]) -> list[Cell]:
    """Every cell that has a figure of ours and of a peer."""
    found = []
    for grid, entry in grids.items():
        kind = "floats" if entry["dtype"].startswith("float") else "integers"
        for bound, methods in entry["bounds"].items():
            best = best_peer(methods)
            if best is None:
                continue
            ours = {s: methods[s]["ratio"] for s in (STABLE, ONCE) if "ratio" in methods.get(s, {})}
            found += [Cell(grid, kind, bound, setting, ratio, *best) for setting, ratio in ours.items()]
    return found


def geometric_mean(gains: list[float]) -> float:
    return math.exp(sum(map(math.log, gains)) / len(gains))


def means(found: list[Cell]) -> list[str]:
    """One row per kind and setting, one column per bound: geometric mean, number of cells, worst cell."""
    bounds = list(dict.fromkeys(c.bound for c in found))
    lines = ["| ours ÷ best peer, geometric mean | " + " | ".join(bounds) + " |", "|---" * (len(bounds) + 1) + "|"]
    for kind in ("floats", "integers"):
        for setting in (STABLE, ONCE):
            row = []
            for bound in bounds:
                g = [c.gain for c in found if (c.kind, c.setting, c.bound) == (kind, setting, bound)]
                row.append(f"**x{geometric_mean(g):.3f}** of {len(g)}, worst x{min(g):.2f}" if g else "")
            if any(row):
                lines.append(f"| {kind}, {setting} | " + " | ".join(row) + " |")
    return lines


def losses(found: list[Cell], below: float = 1.0) -> list[str]:
    """The cells where a peer is smaller, worst first."""
    lost = sorted((c for c in found if c.gain < below), key=lambda c: c.gain)
    if not lost:
        return ["No cell lost."]
    lines = ["| grid | bound | setting | ours | best peer | ours ÷ best peer |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {c.grid} | {c.bound} | {c.setting} | {c.ratio:.2f} | {c.peer} {c.best:.2f} | x{c.gain:.3f} |" for c in lost
    ]
    return lines


def markdown(grids: dict[str, dict[str, Any]]) -> str:
    """Means, lost cells and failures first; then one row per grid: best peer -> stable -> `stable=False`."""
    found = cells(grids)
    failed = [
        f"- no figure for {name} on {grid}, {bound}: {result['failed']}"
        for grid, entry in grids.items()
        for bound, methods in entry["bounds"].items()
        for name, result in methods.items()
        if "failed" in result and name.startswith("Baler")
    ]
    lines = [*means(found), "", "### Cells that a peer wins", "", *losses(found), "", *failed, ""]
    bounds = list(dict.fromkeys(b for entry in grids.values() for b in entry["bounds"]))
    lines += ["### Every grid", "", "Best peer -> ours, stable -> ours, `stable=False` (gain over the best peer)", ""]
    lines += ["| grid | " + " | ".join(bounds) + " |", "|---" * (len(bounds) + 1) + "|"]
    for grid, entry in grids.items():
        row = [_cell(entry["bounds"].get(bound)) for bound in bounds]
        lines.append(f"| {grid} {'x'.join(map(str, entry['shape']))} {entry['dtype']} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _cell(methods: dict[str, dict[str, Any]] | None) -> str:
    if not methods:
        return ""
    best = best_peer(methods)
    parts = [f"{best[0]} {best[1]:.2f}" if best else "no peer"]
    for setting in (STABLE, ONCE):
        ratio = methods.get(setting, {}).get("ratio")
        if ratio:
            parts.append(f"**{ratio:.2f}** (x{ratio / best[1]:.2f})" if best else f"**{ratio:.2f}**")
        elif setting in methods:
            parts.append("no figure")
    return " -> ".join(parts)
