"""No hot loop takes more instructions than the reference says, within a band; counted where that means something."""

import json
import os

import pytest

from benchmarks import instructions


def loops(**per_value: float) -> instructions.Counts:
    return {
        "compiler": "c",
        "loops": {n: {"instructions_per_value": v, "functions": {"f": v / 2, "g": 1.0}} for n, v in per_value.items()},
    }


def test_growth_beyond_the_band_is_told_with_its_function():
    before = loops(a=10.0, b=10.0)
    assert instructions.changes(loops(a=10.9, b=3.0), before) == []
    (line,) = instructions.changes(loops(a=12.0, b=10.0), before)
    assert line.startswith("a: 10.0 -> 12.0") and "f +1.00" in line and "g" not in line.split("(")[1]
    assert instructions.changes(loops(a=10.0), before) == ["b: in the reference, but no longer counted"]


@pytest.mark.skipif(os.environ.get("BALER_MATRIX") != "full", reason="BALER_MATRIX=full counts instructions")
def test_hot_loops_stay_within_the_band():
    if lack := instructions.missing():
        pytest.skip(lack)
    if not instructions.REFERENCE.exists():
        pytest.skip("no reference yet: python -m benchmarks.instructions --renew")
    reference = json.loads(instructions.REFERENCE.read_text())
    if reference["compiler"] != instructions.compiler():
        pytest.skip(f"the reference is {reference['compiler']}'s, this is {instructions.compiler()}")
    assert instructions.changes(instructions.measure(), reference) == []
