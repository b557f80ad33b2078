"""Instructions per value in the codec's hot loops, counted by callgrind: a figure that no load of the machine moves.

    python -m benchmarks.instructions            # count, and compare with results/instructions.json
    python -m benchmarks.instructions --renew    # count, and write it

The driver of the determinism matrix is built by g++ -O3 and run under valgrind, which knows AVX2 but no AVX-512. The
comparison means something for the same compiler alone: another version says so and judges nothing. Ten per cent more
than the reference in any loop is a failure, which names the functions that grew. Renew the reference with the change
that is meant to move it, on a machine with the compiler it names (or with a new one).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
REFERENCE = Path(__file__).parent / "results" / "instructions.json"
BAND = 1.10
NAMED = 8  # functions of each loop
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "determinism")]

Counts = dict[str, Any]


def missing() -> str | None:
    """What this machine lacks."""
    tools = [t for t in ("valgrind", "g++", "cmake") if shutil.which(t) is None]
    return f"no {' and no '.join(tools)}: apt-get install valgrind g++ cmake" if tools else None


def compiler() -> str:
    text = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout
    return text.splitlines()[0]


def make(folder: Path) -> dict[str, int]:
    """Cases in the folder, and how many values each has."""
    from cases import Cases, package_model
    from promises.fields import smooth

    import baler_codec

    cases = Cases(folder)
    package = Path(baler_codec.__file__).parent
    jets = np.load(package / "data" / "cms_jets_20k.npz")["data"][:8192].astype("f4")
    rng = np.random.default_rng(1)
    field = smooth(rng, (24, 40, 48)).astype("f4")
    rough = (smooth(rng, (200, 240)) + 0.02 * rng.normal(size=(200, 240))).astype("f4")
    arrays = {
        "model": (jets, None, package_model()),
        "table": (jets, "abs=1e-3", None),
        "grid-3d": (field, "abs=1e-3", None),
        "grid-2d": (rough, "abs=1e-3", None),
        "bytes": (np.resize(np.frombuffer(rng.bytes(900), "V4"), 40000), "exact", None),
    }
    for name, (array, bound, model) in arrays.items():
        cases.array(name, array, bound, model=model)
    cases.write()
    return {name: int(array.size) for name, (array, _, _) in arrays.items()}


def count(driver: list[str], folder: Path, name: str, call: str, values: int) -> Counts:
    """Instructions inside the calls of one function of the interface."""
    lines = (folder / "list").read_text().splitlines()
    task = "decode" if call == "baler_decode" else "encode"
    (folder / "list").write_text("".join(f"{line}\n" for line in lines if line.split()[:2] == [task, name]))
    out = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--toggle-collect={call}"]
    command += ["--compress-strings=no", "--compress-pos=no", *driver, "repeat", str(folder), name, "1"]
    environment = os.environ | {"BALER_ISA": "avx2", "BALER_NUM_THREADS": "1"}
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True)
    finally:
        (folder / "list").write_text("".join(f"{line}\n" for line in lines))
    own: dict[str, int] = defaultdict(int)
    function, called = "", False
    for line in out.read_text().splitlines():
        if line.startswith("fn="):
            function = short(line[3:])
        elif line.startswith("calls="):
            called = True  # the next line holds what the callee took, which is counted there
        elif line[:1].isdigit():
            if not called:
                own[function] += int(line.split()[-1])
            called = False
    total = sum(own.values())
    most = sorted(own, key=lambda f: -own[f])[:NAMED]
    return {
        "instructions_per_value": round(total / values, 2),
        "functions": {f: round(own[f] / values, 2) for f in most},
    }


def short(name: str) -> str:
    """A function's name without what the compiler made of its types."""
    return re.sub(r"\(.*|<.*|\.(constprop|isra|part|cold).*", "", name.replace("(anonymous namespace)::", ""))[:80]


def measure() -> Counts:
    from builds import BUILDS

    driver = next(b for b in BUILDS if b.name == "gcc-O3").make()
    loops: Counts = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, values in make(folder).items():
            for call in ("baler_decode", "baler_encode"):
                loop = f"{name} {call.removeprefix('baler_')}"
                loops[loop] = count(driver, folder, name, call, values)
                print(f"{loops[loop]['instructions_per_value']:10.2f} instructions a value  {loop}", flush=True)
    return {"compiler": compiler(), "isa": "avx2", "loops": loops}


def changes(found: Counts, reference: Counts) -> list[str]:
    """What has grown beyond the band, with the functions that have; loops that are gone."""
    lines = [
        f"{loop}: in the reference, but no longer counted" for loop in reference["loops"] if loop not in found["loops"]
    ]
    for loop, now in found["loops"].items():
        before = reference["loops"].get(loop)
        if before is None or now["instructions_per_value"] <= BAND * before["instructions_per_value"]:
            continue
        grown = {f: n - before["functions"].get(f, 0.0) for f, n in now["functions"].items()}
        named = ", ".join(f"{f} {n:+.2f}" for f, n in sorted(grown.items(), key=lambda item: -item[1])[:4] if n > 0)
        before_text, now_text = (c["instructions_per_value"] for c in (before, now))
        lines.append(f"{loop}: {before_text} -> {now_text} instructions a value ({named})")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renew", action="store_true", help="write the reference")
    if lack := missing():
        sys.exit(lack)
    renew = parser.parse_args().renew
    found = measure()
    if renew or not REFERENCE.exists():
        REFERENCE.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    reference = json.loads(REFERENCE.read_text())
    if reference["compiler"] != found["compiler"]:
        print(f"counted for {reference['compiler']}, this is {found['compiler']}: nothing to compare")
        return 0
    worse = changes(found, reference)
    print("\n".join(worse) or f"nothing is beyond {BAND - 1:+.0%} of the reference")
    return bool(worse)


if __name__ == "__main__":
    sys.exit(main())
