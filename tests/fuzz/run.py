"""Fuzz the native library with libFuzzer.

    python tests/fuzz/run.py                      # decode, info and model, ten minutes each
    python tests/fuzz/run.py decode --minutes 60

Needs clang and cmake. The targets are built under ASan and UBSan; the corpora begin with the frames and models of the
determinism matrix and grow in build/fuzz/corpus. What makes a target fail lies in build/fuzz as crash-…, leak-…,
oom-… or timeout-…; `build/fuzz/fuzz_decode crash-…` runs it again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "determinism"), str(ROOT)]

TARGETS = ("decode", "info", "model")


def seeds(build: Path) -> None:
    """Frames for two of the targets, models for the third; the models also where frames find them."""
    from cases import make_cases

    folders = {name: build / "corpus" / name for name in TARGETS} | {"models": build / "models"}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        make_cases(Path(made))
        for path in Path(made).iterdir():
            where = {".frame": ("decode", "info"), ".baler": ("model", "models")}.get(path.suffix, ())
            for folder in where:
                name = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                if path.stat().st_size < 1 << 16:
                    shutil.copy(path, folders[folder] / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "fuzz")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    settings = ["-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_BUILD_TYPE=None"]
    subprocess.run(["cmake", "-S", str(HERE), "-B", str(build), *settings], check=True)
    subprocess.run(["cmake", "--build", str(build), "--parallel", str(os.cpu_count())], check=True)
    if not any((build / "models").glob("*")):
        seeds(build)
    environment = os.environ | {
        "BALER_FUZZ_MODELS": str(build / "models"),
        "ASAN_OPTIONS": "allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    failed = 0
    for target in arguments.targets:
        command = [str(build / f"fuzz_{target}"), str(build / "corpus" / target), "-print_final_stats=1"]
        command += [
            f"-max_total_time={int(arguments.minutes * 60)}",
            "-timeout=20",
            "-max_len=65536",
            "-rss_limit_mb=3000",
        ]
        failed |= subprocess.run(command, cwd=build, env=environment, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
