"""Guarantee 5: the same frames and arrays through every build, and one sha256 for each.

The installed library, its instruction sets, the host's floating-point states, threads and the twins are tried always.
`BALER_MATRIX=full` adds builds by other compilers, at other levels of optimisation, for other processors (in an
emulator, WebAssembly under Node), as far as the machine has what they need, and damaged frames under the sanitizers.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import twin
from builds import BUILDS, SANITIZED, SANITIZERS, Build, driver_of
from cases import Cases, make_cases
from twin import network

from baler_codec import native

FIXTURES = Path(__file__).parents[1] / "fixtures"
FULL = os.environ.get("BALER_MATRIX") == "full"
SETS = ("portable", "sse2", "avx2", "avx512", "avx512vnni")
STATES = ("flush", "down", "up", "zero")
STATES_ELSEWHERE = {"clang-O3": STATES, "aarch64": ("flush",), "s390x": ("up",)}  # emulators are slow
Output = dict[tuple[str, str], dict[str, str]]  # (decode or encode, name): words by their names

full = pytest.mark.skipif(not FULL, reason="BALER_MATRIX=full runs the builds by every compiler for every processor")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    made = make_cases(tmp_path_factory.mktemp("cases"))
    assert set(made.modes.values()) == set(native.MODES), "the matrix has lost a mode"
    return made


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if shutil.which("g++") is None:
        pytest.skip("no g++ for the driver: apt-get install g++")
    return driver_of(native.library_path().resolve(), tmp_path_factory.mktemp("driver"))


@dataclass
class Run:
    """What a driver said, and where the frames are that it wrote."""

    folder: Path
    words: Output

    def of(self, task: str, *keys: str) -> dict[str, list[str]]:
        """These words of all lines of a task; a refusal stands for all of them."""
        return {
            name: [words[k] for k in keys] if "error" not in words else [words["error"]]
            for (what, name), words in self.words.items()
            if what == task
        }


def run(driver: list[str], cases: Cases, folder: Path, *arguments: str, task: str = "list", **settings: str) -> Run:
    """Run the driver over its own copy of the cases."""
    shutil.copytree(cases.folder, folder, dirs_exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BALER_", "LD_"))} | settings
    environment["ASAN_OPTIONS"] = "allocator_may_return_null=1"  # for the build that is under sanitizers
    done = subprocess.run(
        [*driver, task, str(folder), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    output: Output = {}
    for line in done.stdout.splitlines():
        what, name, *words = line.split()
        output[what, name] = dict(w.split("=", 1) for w in words if "=" in w)
    return Run(folder, output)


@pytest.fixture(scope="module")
def reference(installed: list[str], cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> Run:
    found = run(installed, cases, tmp_path_factory.mktemp("reference"))
    assert len(found.words) == len(cases.lines)
    refused = [name for (_, name), words in found.words.items() if "error" in words]
    assert len(refused) <= 6 and all("by-chance" in n or "network" in n for n in refused), refused
    return found


def assert_same(found: Run, expected: Run, *, encoder: bool = True) -> None:
    assert found.of("decode", "values") == expected.of("decode", "values")
    if encoder:
        assert found.of("decode", "again") == expected.of("decode", "again"), "the encoder gave other frames"
        assert found.of("encode", "frame", "values") == expected.of("encode", "frame", "values")


def test_encoding_again_gives_the_frame(reference: Run, cases: Cases) -> None:
    """What is written here is what the package wrote, of arrays and of what is read back."""
    written = {n: hashlib.sha256((cases.folder / f"{n}.frame").read_bytes()).hexdigest() for n in cases.modes}
    assert {n: f for n, (f,) in reference.of("encode", "frame").items()} == {
        name: written[name] for what, name in reference.words if what == "encode"
    }
    for name in cases.modes:
        given = (cases.folder / f"{name}.latents").exists()  # by another encoder: the library's own finds others
        if ("encode", name) in reference.words and native.frame_info(_bytes(cases, name)).stable and not given:
            assert reference.words["decode", name]["again"] == written[name], name


def test_golden_values(reference: Run) -> None:
    """What the golden files say of themselves; every other build is held to the same."""
    for path in FIXTURES.glob("*.frame"):
        said = json.loads(path.with_suffix(".json").read_text())["sha256"]
        assert reference.words["decode", f"golden-{path.stem}"]["values"] == said, path.stem


def _bytes(cases: Cases, name: str) -> np.ndarray:
    return np.frombuffer((cases.folder / f"{name}.frame").read_bytes(), np.uint8)


@pytest.mark.parametrize("isa", SETS)
def test_instruction_sets(isa: str, installed: list[str], cases: Cases, reference: Run, tmp_path: Path) -> None:
    assert_same(run(installed, cases, tmp_path, BALER_ISA=isa), reference)


@pytest.mark.parametrize("state", STATES)
def test_floating_point_states_of_the_host(
    state: str, installed: list[str], cases: Cases, reference: Run, tmp_path: Path
) -> None:
    """Subnormals flushed, other roundings, x87 in single precision: neither felt nor changed."""
    assert_same(run(installed, cases, tmp_path, state), reference)


def test_threads(installed: list[str], cases: Cases, reference: Run, tmp_path: Path) -> None:
    assert_same(run(installed, cases, tmp_path, BALER_NUM_THREADS="3"), reference)


@pytest.mark.parametrize("sums", [np.float64, np.int64], ids=["float64", "int64"])
def test_twins(sums: type, cases: Cases, reference: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder of the specification, its networks by matrix products of doubles and of integers."""
    monkeypatch.setattr(network, "SUMS", sums)
    for name in cases.modes:
        if sums is np.int64 and name not in cases.models:
            continue
        frame = _bytes(cases, name).tobytes()
        words = reference.words["decode", name]
        try:
            values = twin.decode(frame, cases.models.get(name))
        except twin.CorruptDataError:
            assert words.get("error") == "2", name
            continue
        order = "F" if twin.read_frame(frame).fortran else "C"
        assert words.get("values") == hashlib.sha256(values.tobytes(order)).hexdigest(), name


@full
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_builds(build: Build, installed: list[str], cases: Cases, reference: Run, tmp_path: Path) -> None:
    """Every compiler, level of optimisation, processor; each with every instruction set that it has."""
    if build.missing:
        pytest.skip(build.missing)
    driver = build.make()
    here = build.family == "x86-64"
    found = run(driver, cases, tmp_path / "best")
    assert_same(found, reference, encoder=here)
    for isa in SETS if here else ["portable"] if build.family == "aarch64" else ():
        assert_same(run(driver, cases, tmp_path / isa, BALER_ISA=isa), found)
    for state in STATES_ELSEWHERE.get(build.name, ()):
        assert_same(run(driver, cases, tmp_path / state, state), found)
    # what was encoded there decodes here, and what differs is told
    theirs = Cases(tmp_path / "theirs")
    theirs.folder.mkdir()
    for name, (digest, values) in found.of("encode", "frame", "values").items():
        mine = reference.words["encode", name]
        if digest != mine["frame"]:
            print(f"{build.name} encodes {name} in other bytes")
            model = cases.models.get(name)
            theirs.frame(name, (found.folder / f"{name}.encoded").read_bytes(), model)
            if native.frame_info(_bytes(cases, name)).stable:
                assert values == mine["values"], f"{name}: stable frames must hold the same values"
    theirs.write()
    here_decoded = run(installed, theirs, tmp_path / "theirs-decoded").of("decode", "values")
    for name in theirs.modes:
        assert here_decoded[name] == [found.words["encode", name]["values"]], name


def damage(driver: list[str], cases: Cases, folder: Path, step: int) -> dict[str, list[str]]:
    return run(driver, cases, folder, str(step), task="damage").of("damage", "tried", "refused", "outcomes")


@full
def test_damaged_frames_mean_the_same_and_nothing_undefined_happens(
    installed: list[str], cases: Cases, tmp_path: Path
) -> None:
    """Frames with bytes changed or cut off under a CRC that fits: refused, or the same values, under sanitizers too."""
    if SANITIZED.missing:
        pytest.skip(SANITIZED.missing)
    library = os.environ.get("BALER_SANITIZED")  # one that is there already
    driver = driver_of(Path(library), tmp_path, SANITIZERS) if library else SANITIZED.make()
    expected = damage(installed, cases, tmp_path / "plain", 37)
    assert sum(int(refused) for _, refused, _ in expected.values()) > 1000
    assert damage(driver, cases, tmp_path / "sanitized", 37) == expected
