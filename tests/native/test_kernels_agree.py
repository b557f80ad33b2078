"""Every instruction set's kernels give what the plain ones give: layers of all sizes, columns of any bits, rANS."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import abi  # noqa: E402


@cache
def kernels() -> ctypes.CDLL:
    if shutil.which("cmake") is None:
        pytest.skip("no cmake: the kernels cannot be built alone")
    build = abi.build_folder("model-mode")
    subprocess.run(["cmake", "-S", str(HERE), "-B", str(build)], check=True, capture_output=True)
    built = subprocess.run(
        ["cmake", "--build", str(build), "--target", "kernels", "--parallel", "2"], capture_output=True
    )
    assert built.returncode == 0, built.stdout.decode()[-4000:]
    library = ctypes.CDLL(str(build / "libkernels.so"))
    for name in ("layers", "columns", "far", "rans"):
        getattr(library, f"kernels_{name}").argtypes = [ctypes.c_int, ctypes.c_uint64]
    return library


@pytest.mark.parametrize("what", ["layers", "columns", "far", "rans"])
def test_kernels_give_the_same_integers(what: str) -> None:
    run = getattr(kernels(), f"kernels_{what}")
    if kernels().kernels_count() == 0:
        pytest.skip("this processor runs the plain kernels alone")
    differ = [(which, seed) for which in range(kernels().kernels_count()) for seed in range(200) if run(which, seed)]
    assert not differ


def test_plain_kernels_restore_far_cells_by_the_rules() -> None:
    assert not [seed for seed in range(200) if kernels().kernels_far(-1, seed)]


def test_sha256_by_instructions_is_sha256() -> None:
    run = kernels().kernels_sha256
    run.argtypes = [ctypes.c_uint64]
    if run(0) == -1:
        pytest.skip("this processor has no instructions for SHA-256")
    assert not [seed for seed in range(200) if run(seed)]
