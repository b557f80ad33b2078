"""``python -m firmware.report``: what the committed circuits take, into ``firmware/reports``.

Xilinx cells are yosys' count after mapping, before packing, placing and routing: no clock rate and no power follows
from them. On an ECP5 the circuit with its streams is placed and routed where nextpnr is there (`firmware.place`).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baler_codec.encoders.spec import EncoderSpec

from .design import LANES, LEVELS, Design
from .place import PROGRAMS, place, program

HERE = Path(__file__).parent
FAMILIES = ("xcup", "xc7")  # UltraScale+, 7 series


def counted(stat: str) -> dict[str, int]:
    """Read the cells, by kind, from the last table that yosys' `stat` printed."""
    table = stat[stat.rindex("Number of cells:") :].splitlines()[1:]
    cells: dict[str, int] = {}
    for line in table:
        found = re.fullmatch(r"\s+([A-Z]\w*)\s+(\d+)", line)
        if found is None:
            break
        cells[found[1]] = int(found[2])
    return cells


def totals(cells: dict[str, int]) -> dict[str, int]:
    """Sum cells up to what reports compare: look-up tables, flip-flops, multipliers."""

    def of(pattern: str) -> int:
        return sum(n for kind, n in cells.items() if re.fullmatch(pattern, kind))

    return {"LUT": of(r"LUT[1-6]|INV|SRL\w*"), "FF": of(r"FD\w+"), "DSP": of(r"DSP\w+"), "CARRY": of(r"CARRY\w+")}


def synthesise(design: Design, family: str) -> dict[str, int]:
    """Map module `encoder` to a family of parts and count its cells."""
    with tempfile.TemporaryDirectory() as work:
        design.write(Path(work))
        steps = f"synth_xilinx -family {family} -flatten -noiopad -noclkbuf -top encoder; tee -o stat.txt stat"
        command = ["yosys", "-q", "-p", f"read_verilog encoder.v; {steps}"]
        subprocess.run(command, cwd=work, check=True, capture_output=True)
        return counted((Path(work) / "stat.txt").read_text())


def report(design: Design, families: Sequence[str], router: str | None) -> dict[str, Any]:
    """Synthesise for all families, and place and route if there is a program for it."""
    version = subprocess.run(["yosys", "-V"], check=True, capture_output=True, text=True).stdout.split(" (")[0]
    parts = {}
    for family in families:
        cells = synthesise(design, family)
        parts[family] = {"cells": cells, **totals(cells)}
    told = {
        "encoder": design.spec.id,
        "adders": design.adders,
        "cycles": design.latency,
        "cycles between rows": 1,
        "beats of a row": -(-len(design.spec.inputs) // design.lanes),
        "register bits": design.registers,
        "tool": version.strip(),
        "parts": parts,
    }
    if router is not None:
        told["placed and routed"] = {"ecp5": place(design, router)}
    return told


def main() -> None:
    """Write the reports of designs."""
    parser = argparse.ArgumentParser(prog="python -m firmware.report", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", help="designs: where a spec.json lies; default: the committed")
    parser.add_argument("--out", type=Path, default=HERE / "reports", help="folder of the reports")
    parser.add_argument("--levels", type=int, default=LEVELS, help="adders between two registers")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="default: all")
    arguments = parser.parse_args()
    if shutil.which("yosys") is None:
        parser.error("yosys is not installed")
    router = program()
    if router is None:
        print(f"nothing is placed and routed: none of {', '.join(PROGRAMS)} is on the path")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for folder in arguments.folders or sorted((HERE / "rtl").iterdir()):
        spec = EncoderSpec.from_json((folder / "spec.json").read_text())
        design = Design.of(spec, lanes=LANES, levels=arguments.levels)
        told = report(design, arguments.family or FAMILIES, router)
        (arguments.out / f"{folder.name}.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
        print(folder.name, {family: totals(part["cells"]) for family, part in told["parts"].items()})


if __name__ == "__main__":
    main()
