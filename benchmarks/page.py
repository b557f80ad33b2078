"""The page of a run (docs/benchmarks.md): what is lost first, then every part, remarks.md and the plots."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from . import grid_report, plots, report, speed_report

_REMARKS = Path(__file__).parent / "remarks.md"

_HOW = """\
Made by `python -m benchmarks` (extra `bench`). Data: what the package ships, what matplotlib installs, simulations that
say so, the data sets of `BALER_DATA` (or beside the checkout), and files of yours (`--data`). Every coder runs in a
process of its own, and a figure counts only if every value was inside the bound after decoding. "Baler …" counts
frames, as the peers' figures count streams; "whole file" the HDF5 file on disk with model, container and attributes."""

_GRIDS = """\
One chunk each, whole HDF5 chunks as stored; bounds are relative to the range of the valid values. Best peer: the best
of SZ3 (default and all its algorithms), SZ2, ZFP, SPERR, quantise with and without Lorenzo + pcodec, Blosc2, zstd;
without a bound of Blosc2 (shuffle, bitshuffle), pcodec, zstd, xz. No training."""


def write(found: dict[str, Any], results: Path, docs: Path) -> str:
    """Write the page and its plots into `docs`; parts that were not run now come from earlier results, if there are."""
    docs.mkdir(parents=True, exist_ok=True)
    parts = dict(found)
    for part in ("tables", "grids", "speed", "kernels"):
        path = results / f"{part}.json"
        if part not in parts and path.exists():
            parts[part] = json.loads(path.read_text())[part]
    sets = parts.get("tables", {}) | parts.get("grids", {})
    ratio = plots.ratio_against_bound(sets, docs / "ratio.svg")
    speed = plots.speed_against_ratio(parts.get("speed", {}).get("cases", {}), docs / "speed.svg")
    path = docs / "benchmarks.md"
    path.write_text(markdown(parts, ratio, speed))
    return f"{path}, {', '.join(sorted(f'{p}.json' for p in found))} in {results}"


def markdown(parts: dict[str, Any], ratio: bool = False, speed: bool = False) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions().items())
    lines = [
        "# Benchmarks",
        "",
        _HOW,
        "",
        f"{processor()}; {versions}.",
        "",
        "## Where we lose",
        "",
        *lost(parts),
        "",
    ]
    remarks = _REMARKS.read_text() if _REMARKS.exists() else ""
    first, _, rest = remarks.partition("<!-- tables -->")
    lines += [first.strip(), ""]
    if ratio:
        lines += ["![Ratio against bound](ratio.svg)", ""]
    if speed:
        lines += ["![Speed against ratio](speed.svg)", ""]
    if "tables" in parts:
        lines += ["## Tables", "", report.markdown(parts["tables"]), ""]
    lines += [rest.strip(), ""]
    if "grids" in parts:
        lines += ["## Grids", "", _GRIDS, "", grid_report.markdown(parts["grids"]), ""]
    if "speed" in parts:
        lines += ["## Speed", "", speed_report.markdown(parts["speed"]), ""]
    if "kernels" in parts:
        lines += ["## Kernels", "", *_kernels(parts["kernels"]), ""]
    return "\n".join(_once_empty(lines)) + "\n"


def lost(parts: dict[str, Any]) -> list[str]:
    """Cells that a peer wins in size, cases where one is smaller and faster, yardsticks not reached."""
    lines = []
    for table, entry in parts.get("tables", {}).items():
        for bound, methods in entry["bounds"].items():
            name, best = report.best_peer(methods)
            own = methods.get("Baler built-in", {}).get("ratio")
            if own and own < best:
                lines.append(f"- {table}, {bound}: built-in x{own:.2f}, {name} x{best:.2f}")
    grids = grid_report.losses(grid_report.cells(parts.get("grids", {})))
    if len(grids) > 2:
        lines += ["", *grids]
    found = parts.get("speed")
    if found:
        missed = [line for line in speed_report.yardsticks(found) if "not reached" in line]
        lines += ["", *speed_report.beaten(found)]
        if missed:
            lines += ["", "Yardsticks of speed that are not reached:", "", *speed_report.HEAD, *missed]
    return lines or ["Nothing that was run."]


def processor() -> str:
    """Name of the processor, for people."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({platform.machine()})"
    except OSError:
        pass
    return platform.machine()


def _kernels(found: Any, title: str = "") -> list[str]:
    """Dicts of figures as tables, one row for each engine; other values as a list."""
    if not isinstance(found, dict):
        return []
    rows = {k: v for k, v in found.items() if isinstance(v, dict) and not any(isinstance(w, dict) for w in v.values())}
    heads = list(dict.fromkeys(k for v in rows.values() for k in v))
    lines = [f"- {k}: {_figure(v)}" for k, v in found.items() if not isinstance(v, dict)]
    if rows:
        lines += ["", f"| {title} | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
        lines += [f"| {k} | " + " | ".join(_figure(v.get(h, "")) for h in heads) + " |" for k, v in rows.items()]
    for key, value in found.items():
        if isinstance(value, dict) and key not in rows:
            lines += ["", *_kernels(value, f"{title}, {key}" if title else key), ""]
    return lines


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _once_empty(lines: list[str]) -> list[str]:
    flat = "\n".join(lines).splitlines()
    return [line for i, line in enumerate(flat) if line.strip() or (i and flat[i - 1].strip())]
