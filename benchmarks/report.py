"""Results as JSON with the versions that made them, and as Markdown tables."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

PACKAGES = ("baler-codec", "numpy", "h5py", "zarr", "numcodecs", "hdf5plugin", "pcodec", "pysz")


def versions() -> dict[str, str]:
    """Versions of everything that has a figure, the interpreter and the kind of processor."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def save(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"versions": versions(), **results}, indent=1) + "\n")


def best_peer(methods: dict[str, dict[str, Any]]) -> tuple[str, float]:
    """Name and ratio of the best peer; ours are those whose name begins with "Baler"."""
    ratios = {n: m["ratio"] for n, m in methods.items() if "ratio" in m and not n.startswith("Baler")}
    if not ratios:
        return "none run", float("nan")
    name = max(ratios, key=lambda n: ratios[n])
    return name, ratios[name]


def _speed(result: dict[str, Any]) -> str:
    return f"{result['encode_mb_s']:.0f} / {result['decode_mb_s']:.0f}" if "encode_mb_s" in result else ""


def markdown(tables: dict[str, dict[str, Any]]) -> str:
    """One Markdown table per data set: methods down, bounds across, the best peer named, ours over it."""
    lines: list[str] = []
    for table, entry in tables.items():
        bounds = list(entry["bounds"])
        lines += [f"### {table}: {entry['rows']} x {entry['columns']}, {entry['note']}", ""]
        lines += ["| original / stored | " + " | ".join(bounds) + " |", "|---" * (len(bounds) + 1) + "|"]
        names = list(dict.fromkeys(n for b in bounds for n in entry["bounds"][b]))
        for name in names:
            cells = []
            for b in bounds:
                result = entry["bounds"][b].get(name)
                if result is None:
                    cells.append("")
                elif "ratio" not in result:
                    cells.append("no figure")
                else:
                    text = f"{result['ratio']:.2f}"
                    if name.startswith("Baler"):
                        text = f"**{text}** (x{result['ratio'] / best_peer(entry['bounds'][b])[1]:.2f})"
                    cells.append(text)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        speeds = [n for n in names if any("encode_mb_s" in entry["bounds"][b].get(n, {}) for b in bounds)]
        for name in speeds:
            cells = [_speed(entry["bounds"][b].get(name, {})) for b in bounds]
            lines.append(f"| *{name}, encode / decode MB/s, one core* | " + " | ".join(cells) + " |")
        lines.append("| *best peer* | " + " | ".join(best_peer(entry["bounds"][b])[0] for b in bounds) + " |")
        failed = {n: r["failed"] for b in bounds for n, r in entry["bounds"][b].items() if "failed" in r}
        lines += ["", *(f"- no figure for {n}: {why}" for n, why in failed.items()), ""]
    return "\n".join(lines)
