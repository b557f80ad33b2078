"""``python -m firmware.report FOLDER REPORT.json``: what a design takes on a part, as yosys counts it.

Cells are counted after mapping, before packing, placing and routing: no clock rate and no power follows from them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

from baler_codec.encoders.spec import EncoderSpec

from .design import LANES, LEVELS, Design

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


def main() -> None:
    """Write the report of a design."""
    parser = argparse.ArgumentParser(prog="python -m firmware.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="a design: where its spec.json lies")
    parser.add_argument("report", type=Path, help="the file to write")
    parser.add_argument("--levels", type=int, default=LEVELS, help="adders between two registers")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="default: all")
    arguments = parser.parse_args()
    spec = EncoderSpec.from_json((arguments.folder / "spec.json").read_text())
    design = Design.of(spec, lanes=LANES, levels=arguments.levels)
    version = subprocess.run(["yosys", "-V"], check=True, capture_output=True, text=True).stdout.split(" (")[0]
    parts = {}
    for family in arguments.family or FAMILIES:
        cells = synthesise(design, family)
        parts[family] = {"cells": cells, **totals(cells)}
    told = {
        "encoder": spec.id,
        "adders": design.adders,
        "cycles": design.latency,
        "cycles between rows": 1,
        "register bits": design.registers,
        "tool": version.strip(),
        "parts": parts,
    }
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    print(json.dumps({family: totals(part["cells"]) for family, part in parts.items()}))


if __name__ == "__main__":
    main()
