"""Threads inside one call: every body runs once, failures come back, and the bytes are those of one thread."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from abi import ABS, PW_REL, Bound, NativeError, build_folder, check, decode_like, encode, library

HERE = Path(__file__).parent


@cache
def loops() -> ctypes.CDLL:
    path = os.environ.get("BALER_PARALLEL_LOOPS")
    if path is None:
        if shutil.which("cmake") is None:
            pytest.skip("no cmake: the loops cannot be built alone")
        build = build_folder("loops")
        subprocess.run(["cmake", "-S", str(HERE), "-B", str(build)], check=True, capture_output=True)
        target = ["--target", "parallel_loops"]
        subprocess.run(["cmake", "--build", str(build), *target], check=True, capture_output=True)
        path = str(build / "libparallel_loops.so")
    lib = ctypes.CDLL(path)
    lib.loops_run.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int]
    lib.loops_fail.argtypes, lib.loops_fail.restype = [ctypes.c_int, ctypes.c_size_t, ctypes.c_uint64], ctypes.c_size_t
    for function in (lib.loops_nested, lib.loops_flushed):
        function.argtypes, function.restype = [ctypes.c_int, ctypes.c_size_t], ctypes.c_size_t
    return lib


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = library().baler_threads()
    yield
    check(library().baler_set_threads(before))


def said(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); from abi import *; lib = library(); {code}"
    settings = {key: value for key, value in os.environ.items() if key != "BALER_NUM_THREADS"} | variables
    return subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
def test_every_body_runs_once(n: int, n_threads: int) -> None:
    seen = np.zeros(n, np.uint64)
    assert loops().loops_run(n_threads, n, seen.ctypes.data, 0) <= min(n_threads, n)
    assert np.array_equal(seen, np.arange(1, n + 1))


def test_bodies_run_at_the_same_time_and_never_more_of_them_than_threads() -> None:
    seen = np.zeros(12, np.uint64)
    assert loops().loops_run(1, 12, seen.ctypes.data, 1) == 1
    assert loops().loops_run(3, 12, seen.ctypes.data, 20) == 3


def test_calls_at_the_same_time_share_the_number_of_threads() -> None:
    seen = np.zeros((4, 30), np.uint64)
    with ThreadPoolExecutor(4) as pool:
        most = list(pool.map(lambda row: loops().loops_run(3, 30, row.ctypes.data, 5), seen))
    assert np.array_equal(seen, np.broadcast_to(np.arange(1, 31), (4, 30)))
    assert sum(m - 1 for m in most) <= 8 and max(most) <= 3  # two helpers move between four calls


@pytest.mark.parametrize("n_threads", [1, 4])
def test_the_failure_of_the_lowest_body_comes_back(n_threads: int) -> None:
    for failing in (0, 1, 1 << 39, 0b101000, (1 << 40) - 1, (1 << 17) | (1 << 18)):
        lowest = (failing & -failing).bit_length() - 1 if failing else 40
        assert loops().loops_fail(n_threads, 40, failing) == lowest


def test_loops_inside_loops_run_where_they_are() -> None:
    assert loops().loops_nested(4, 10) == 0


def test_threads_compute_with_the_same_float_state() -> None:
    assert loops().loops_flushed(4, 12) == 0


def test_the_number_of_threads_is_one_unless_the_variable_says_more() -> None:
    code = "print(lib.baler_threads())"
    assert said(code).stdout.split() == ["1"]
    assert said(code, BALER_NUM_THREADS="").stdout.split() == ["1"]
    assert said(code, BALER_NUM_THREADS="3").stdout.split() == ["3"]


@pytest.mark.parametrize("text", ["0", "-2", "257", "many", "2x", "1e1", "99999999999999999999"])
def test_a_senseless_variable_is_named_and_means_one(text: str) -> None:
    done = said("print(lib.baler_threads(), lib.baler_threads())", BALER_NUM_THREADS=text)
    assert done.stdout.split() == ["1", "1"]
    assert done.stderr.count(f"BALER_NUM_THREADS={text} ") == 1 and "1 to 256" in done.stderr


@pytest.mark.parametrize("n", [0, -1, 257, 1 << 30])
def test_senseless_numbers_are_refused_and_change_nothing(n: int) -> None:
    check(library().baler_set_threads(2))
    with pytest.raises(NativeError, match=f"from 1 to 256, not {n}"):
        check(library().baler_set_threads(n))
    assert library().baler_threads() == 2


def test_bytes_and_values_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(3)
    walk = rng.normal(size=(20_000, 6)).cumsum(0).astype("<f4")
    walk[rng.random(walk.shape) < 0.01] = np.nan
    field = np.add.outer(np.sin(np.arange(60) / 9), np.cos(np.arange(70) / 7)).astype("<f4")
    field = field + rng.normal(0, 0.01, (20, 60, 70)).astype("<f4")
    arrays = [walk, field, np.nan_to_num(walk[:, 0] * 50).astype("<i4"), field.astype(">f8")[:4]]
    for x in arrays:
        bounds = [Bound(), Bound(ABS, 0.01), Bound(PW_REL, 1e-3)] if x.dtype.kind == "f" else [Bound(), Bound(ABS, 3)]
        for bound in bounds:
            check(library().baler_set_threads(1))
            expected = encode(x, bound)
            values = decode_like(expected, x)
            for n_threads in (2, 7):
                check(library().baler_set_threads(n_threads))
                assert encode(x, bound) == expected
                assert decode_like(expected, x).tobytes() == values.tobytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="its allocator may hold a lock when forked")
def test_a_forked_child_has_its_threads() -> None:
    code = """
import os, threading
x = np.random.default_rng(0).normal(size=(30000, 8)).astype('<f4'); check(lib.baler_set_threads(4))
expected = encode(x, Bound(ABS, 0.01))
stop = threading.Event()
def busy():
    while not stop.is_set(): encode(x, Bound(ABS, 0.01))
other = threading.Thread(target=busy); other.start()
for _ in range(4):
    child = os.fork()
    if child == 0:
        os._exit(0 if encode(x, Bound(ABS, 0.01)) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set(); other.join(); print('well')
"""
    assert said(f"exec({code!r})").stdout.split() == ["well"]
