"""A report counts the cells that yosys names, and the committed one belongs to the committed circuit."""

import json
import shutil
from pathlib import Path

import pytest

import firmware
from baler_codec.encoders import EncoderSpec
from firmware.chance import chance_spec
from firmware.design import Design
from firmware.place import routed
from firmware.report import counted, synthesise, totals

FOLDER = Path(firmware.__file__).parent
STAT = """
   Number of cells:                  9
     LUT2                            9

=== encoder ===

   Number of processes:              0
   Number of cells:                 45
     CARRY4                          5
     DSP48E2                         1
     FDRE                            7
     FDSE                            3
     INV                             2
     LUT2                           11
     LUT6                           13
     SRL16E                          3

   Estimated number of LCs:         20
"""


def test_cells_are_those_of_the_last_table_and_summed_by_what_they_are():
    cells = counted(STAT)
    assert sum(cells.values()) == 45
    assert totals(cells) == {"LUT": 29, "FF": 10, "DSP": 1, "CARRY": 5}


@pytest.mark.parametrize("name", ["jets", "jets16"])
def test_the_committed_reports_are_of_the_committed_circuits(name):
    report = json.loads((FOLDER / "reports" / f"{name}.json").read_text())
    spec = EncoderSpec.from_json((FOLDER / "rtl" / name / "spec.json").read_text())
    design = Design.of(spec)
    assert report["encoder"] == spec.id
    assert (report["adders"], report["cycles"], report["register bits"]) == (
        design.adders,
        design.latency,
        design.registers,
    )
    for part in report["parts"].values():
        assert totals(part["cells"]) == {kind: part[kind] for kind in ("LUT", "FF", "DSP", "CARRY")}
        assert part["DSP"] == 0 and part["FF"] <= design.registers
        assert part["LUT"] <= 10_000


def test_a_report_of_nextpnr_gives_the_clock_rate_and_what_is_used():
    text = json.dumps(
        {
            "fmax": {"$glbnet$aclk": {"achieved": 71.23, "constraint": 100.0}},
            "utilization": {
                "TRELLIS_COMB": {"used": 12, "available": 83640},
                "MULT18X18D": {"used": 0, "available": 9},
            },
        }
    )
    assert routed(text) == {"MHz": 71.2, "used": {"TRELLIS_COMB": 12}}


@pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")
def test_a_small_circuit_takes_no_multipliers():
    found = totals(synthesise(Design.of(chance_spec((3, 2), 4)), "xcup"))
    assert found["DSP"] == 0 and found["LUT"] > 0 and found["FF"] > 0
