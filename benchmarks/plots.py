"""The plots of a run: ratio against bound, and speed against ratio (needs matplotlib: the extra "bench")."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .report import best_peer

_OURS, _PEERS = "#1f4e79", "#9aa5b1"


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "baler-codec", "svg.fonttype": "none", "font.size": 8}
    from matplotlib import pyplot

    return pyplot


def _range(bound: str) -> float | None:
    return float(bound.removeprefix("range ")) if bound.startswith("range ") else None


def ratio_against_bound(sets: dict[str, dict[str, Any]], path: Path) -> bool:
    """One panel for each data set: ours and the best peer over the bound. False if there is nothing to draw."""
    panels = {}
    for name, entry in sets.items():
        points = [(r, methods) for b, methods in entry["bounds"].items() if (r := _range(b)) and methods]
        if len(points) > 1:
            panels[name] = points
    if not panels:
        return False
    pyplot = _pyplot()
    columns = min(len(panels), 4)
    rows = math.ceil(len(panels) / columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(3 * columns, 2.4 * rows), layout="constrained", squeeze=False
    )
    for place, (name, points) in zip(axes.flat, panels.items(), strict=False):
        lines: dict[str, list[tuple[float, float]]] = {}
        for bound, methods in points:
            best = best_peer(methods)[1]
            if math.isfinite(best):
                lines.setdefault("best peer", []).append((bound, best))
            for method, result in methods.items():
                if method.startswith("Baler") and "whole file" not in method and "ratio" in result:
                    lines.setdefault(method, []).append((bound, result["ratio"]))
        for label, line in lines.items():
            peer = label == "best peer"
            place.plot(*zip(*line, strict=True), marker="o", ms=3, label=label, ls="--" if peer else "-")
        place.set(xscale="log", yscale="log", title=name, xlabel="bound / range", ylabel="ratio")
        place.legend(frameon=False, fontsize=6)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def speed_against_ratio(cases: dict[str, dict[str, Any]], path: Path) -> bool:
    """Two panels for each case, in and out, every coder a point."""
    chosen = [
        (f"{case}, {bound}", coders)
        for case, bounds in cases.items()
        for bound, coders in bounds.items()
        if sum("ratio" in r for r in coders.values()) > 3
    ]
    if not chosen:
        return False
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(len(chosen), 2, figsize=(9, 3 * len(chosen)), layout="constrained", squeeze=False)
    for (left, right), (title, coders) in zip(axes, chosen, strict=True):
        for place, what in ((left, "encode_mb_s"), (right, "decode_mb_s")):
            for name, r in coders.items():
                if "ratio" not in r or not r["kept"]:
                    continue
                colour = _OURS if name.startswith("Baler") else _PEERS
                place.plot(r["ratio"], r[what]["cpu"], "o", color=colour)
                place.annotate(
                    name, (r["ratio"], r[what]["cpu"]), fontsize=5, xytext=(3, 2), textcoords="offset points"
                )
            place.set(xscale="log", yscale="log", xlabel="ratio", ylabel=f"{what.split('_')[0]} MB/s", title=title)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True
