"""Draw docs/gain.svg from the results of `python -m benchmarks tables` (needs matplotlib: the extra "bench").

python -m benchmarks.plot
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .report import best_peer

ROOT = Path(__file__).resolve().parents[1]
BOUNDS = ("range 1e-2", "range 1e-3", "range 1e-4", "range 1e-5", "HEP")
LABELS = ("1 % of range", "0.1 %", "0.01 %", "0.001 %", "particle physics")


def main() -> None:
    """Draw ratios on unseen jets: the best peer, the built-in model, the trained model."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "baler-codec", "svg.fonttype": "none"}  # same figures, same file
    from matplotlib import pyplot

    results: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / "tables.json").read_text())["tables"]
    found = results["jets B"]["bounds"]
    bars = {
        "best of 20 peers": [best_peer(found[b])[1] for b in BOUNDS],
        "baler-codec, no training": [found[b]["Baler built-in"]["ratio"] for b in BOUNDS],
        "baler-codec, trained model": [found[b]["Baler cms_jets"]["ratio"] for b in BOUNDS],
    }
    figure, axes = pyplot.subplots(figsize=(8, 3.2), layout="constrained")
    for i, ((name, ratios), colour) in enumerate(zip(bars.items(), ("#9aa5b1", "#5b9bd5", "#1f4e79"), strict=True)):
        drawn = axes.bar([x + 0.27 * (i - 1) for x in range(len(BOUNDS))], ratios, 0.25, label=name, color=colour)
        axes.bar_label(drawn, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(BOUNDS)), LABELS)
    axes.set_ylabel("float32 bytes / stored bytes")
    axes.set_title("Unseen jets, 24 columns, every value inside its bound", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(ROOT / "docs" / "gain.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
