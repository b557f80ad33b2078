"""Classes and units of the grid coder: every cell comes back, masks are nearly free, damage is named."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import abi  # noqa: E402

AFFINE, DICTIONARY, SOURCE, FIELDS = range(4)
COUNTS = [
    "cells",
    "masked",
    "classes",
    "special",
    "literals",
    "far",
    "class_bytes",
    "unit_bytes",
    "kind",
    "entries",
    "fixes",
    "impossible",
]
FIGURES = ["offset", "quantum", "bits_k", "bits_u", "find", "write", "read", "units", "back"]


class Report(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_uint64) for name in COUNTS],
        *[(name, ctypes.c_double) for name in FIGURES],
        ("divides", ctypes.c_uint64),
        ("stride", ctypes.c_uint64),
    ]


@cache
def stations() -> ctypes.CDLL:
    """$BALER_GRID_STATIONS (as a sanitizer run sets it), or built here."""
    path = os.environ.get("BALER_GRID_STATIONS")
    if path is None:
        if shutil.which("cmake") is None:
            pytest.skip("no cmake: the stations of the grid coder cannot be built alone")
        build = abi.build_folder("model-mode")
        subprocess.run(["cmake", "-S", str(HERE), "-B", str(build)], check=True, capture_output=True)
        target = ["--target", "grid_stations", "--parallel", "2"]
        subprocess.run(["cmake", "--build", str(build), *target], check=True, capture_output=True)
        path = str(build / "libgrid_stations.so")
    library = ctypes.CDLL(path)
    library.grid_said.restype = ctypes.c_char_p
    return library


def through(x: NDArray[Any], bound: float = 0.0, kind: int | None = None) -> tuple[Report, bytes]:
    """The chunk's classes and units written, read and compared; bound 0: exact."""
    x = np.ascontiguousarray(x)
    array = abi.describe(x)
    report = Report()
    out = ctypes.create_string_buffer(x.size * 16 + 4096)
    written = ctypes.c_size_t()
    which = (abi.ABS if bound else abi.EXACT) if kind is None else kind
    arguments = (ctypes.byref(array), ctypes.c_void_p(x.ctypes.data), which, ctypes.c_double(bound), 1)
    sizes = (ctypes.byref(report), out, ctypes.c_size_t(len(out)), ctypes.byref(written))
    code = stations().grid_stations(*arguments, *sizes)
    assert code == 0, stations().grid_said().decode()
    return report, out.raw[: written.value]


def read(x: NDArray[Any], stream: bytes, bound: float, closed: int = 0, units_first: int = 0) -> int:
    array = abi.describe(x)
    which = abi.ABS if bound else abi.EXACT
    form = (which, ctypes.c_double(bound), closed, units_first)
    return int(stations().grid_stations_read(ctypes.byref(array), *form, stream, ctypes.c_size_t(len(stream))))


def smooth(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """A field of waves of all lengths, about 1 in size."""
    x = np.zeros(shape)
    axes = np.meshgrid(*[np.arange(n, dtype=float) for n in shape], indexing="ij")
    for wave in range(12):
        k = rng.normal(size=len(shape)) * 0.3 / (1 + wave % 4)
        x += rng.normal() * np.cos(sum(f * a for f, a in zip(k, axes, strict=True)) + rng.uniform(0, 6))
    return x / (x.std() or 1)


def coast(rng: np.random.Generator, *shape: int) -> NDArray[np.bool_]:
    axes = np.meshgrid(*[np.arange(n) / n for n in shape], indexing="ij")
    height = sum(rng.normal() * np.cos(sum(rng.normal() * 5 * a for a in axes) + rng.uniform(0, 6)) for _ in range(8))
    return np.asarray(height > 0.5)


SHAPES = [
    (1,),
    (5000,),
    (40, 60),
    (3, 2),
    (700, 2),
    (500, 3),
    (9, 1, 30, 40),
    (4, 3, 20, 30),
    (2, 3, 4, 5, 6, 7),
    (6, 2, 2, 2),
    (1, 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i2", "u1", "u8", "i8"])
def test_every_cell_comes_back(shape: tuple[int, ...], dtype: str) -> None:
    """Exceptions of all sorts, fill values, far indices, in all mixtures."""
    rng = np.random.default_rng([len(shape), shape[0], ord(dtype[0])])
    for trial in range(6):
        x = (smooth(rng, *shape) * 30 + 60).astype(dtype)
        share = [0.0, 0.001, 0.02, 0.3, 0.7, 1.0][trial]
        if x.dtype.kind == "f":
            odd = np.array([np.nan, np.inf, -np.inf, -0.0, 6e4, -999], dtype)
        else:
            odd = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
        where = rng.random(shape) < share
        x[where] = rng.choice(odd, int(where.sum()))
        x[coast(rng, *shape) & (rng.random() < 0.5)] = odd[trial % odd.size]
        for bound in (0.0, 0.01, 5.0):
            through(x, bound)
        if x.dtype.kind == "f":
            through(x, 1e-3, abi.PW_REL)


def test_any_bits_come_back() -> None:
    rng = np.random.default_rng(1)
    for dtype in ("f2", "f4", "f8", "u8", "i8"):
        x = rng.integers(0, 256, 3000 * np.dtype(dtype).itemsize, dtype="u1").view(dtype).reshape(30, 100)
        for bound in (0.0, 1e-3):
            through(x, bound)


def test_a_simple_land_mask_costs_next_to_nothing() -> None:
    rng = np.random.default_rng(2)
    x = smooth(rng, 500, 500).astype("f4")
    land = coast(rng, 500, 500)
    assert 0.05 < land.mean() < 0.95
    for fill in (np.nan, 1e20, -999.0):
        y = np.where(land, np.float32(fill), x)
        report, _ = through(y, 1e-3)
        assert report.masked == land.sum()
        assert report.class_bytes < 750  # 3 KB of a million cells


@pytest.mark.parametrize("axis", range(4))
def test_a_mask_that_repeats_along_an_axis_is_paid_once(axis: int) -> None:
    rng = np.random.default_rng(3)
    shape = [8, 9, 40, 44]
    cut = [n for a, n in enumerate(shape) if a != axis]
    mask = np.repeat(np.expand_dims(coast(rng, *cut), axis), shape[axis], axis)
    x = np.where(mask, np.nan, smooth(rng, *shape)).astype("f4")
    once, _ = through(np.take(x, 0, axis), 1e-3)
    all_of_it, _ = through(x, 1e-3)
    assert all_of_it.class_bytes < 1.5 * once.class_bytes + 150


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_scattered_gaps_cost_their_entropy(share: float) -> None:
    rng = np.random.default_rng(4)
    x = smooth(rng, 400, 500).astype("f4")
    x[rng.random(x.shape) < share] = np.nan
    report, _ = through(x, 1e-3)
    entropy = x.size * -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) / 8
    assert report.class_bytes < 1.05 * entropy + 100


def test_a_few_exceptions_cost_ten_bytes_each() -> None:
    x = smooth(np.random.default_rng(5), 512, 512).astype("f4")
    x.flat[[7, 70000, 200001]] = np.nan, np.inf, -0.0
    report, _ = through(x, 1e-3)
    assert report.masked == 3
    assert report.class_bytes <= 34


@pytest.mark.parametrize(
    ("fill", "dtype", "low", "high"),
    [
        ([1e20], "f4", 270, 310),
        ([-1e34], "f8", -3, 35),
        ([0], "f4", 230, 310),
        ([-999, -9999, 1e20], "f4", 0, 300),
        ([255], "u1", 3, 180),
        ([254, 255], "u1", 0, 150),
        ([-32768], "i2", -30000, 30000),
        ([65535], "u2", 0, 4000),
    ],
)
def test_fill_values_are_found(fill: list[float], dtype: str, low: float, high: float) -> None:
    rng = np.random.default_rng(6)
    x = smooth(rng, 120, 200)
    x = low + (high - low) * (x - x.min()) / np.ptp(x)
    x = x.astype(dtype)
    where = np.zeros(x.shape, bool)
    for value in fill:
        spot = coast(rng, *x.shape) & (rng.random(x.shape) < 0.9)
        spot[:2] = True
        x[spot & ~where] = value
        where |= spot
    report, _ = through(x, 0.01 if np.dtype(dtype).kind == "f" else 0.0)
    assert report.special == len(set(x[where].tolist()))
    assert report.masked == where.sum()


@pytest.mark.parametrize("cells", [10, 60, 400])
def test_a_fill_value_in_few_cells_is_found_too(cells: int) -> None:
    rng = np.random.default_rng(14)
    x = (smooth(rng, 400, 500) * 10 + 280).astype("f4")
    x.flat[rng.choice(x.size, cells, replace=False)] = -999
    report, _ = through(x, 0.05)
    assert (report.special, report.masked) == (1, cells)
    assert report.class_bytes < 20 + 4 * cells


def test_what_is_no_fill_value_is_left_alone() -> None:
    """Counts, saturated and clipped values, a few levels, an outlier."""
    rng = np.random.default_rng(7)
    field = smooth(rng, 200, 200)
    clipped = np.clip(field * 60 + 128, 0, 255).astype("u1")
    spiky = field.astype("f4")
    spiky[17, 19] = 1e6
    tails = rng.pareto(1, (200, 200)).astype("i8")
    for x in (rng.poisson(0.3, (200, 200)).astype("u2"), clipped, (np.round(field) * 100).astype("i4"), tails):
        assert through(x)[0].special == 0
    for x in (spiky, np.maximum(field, 0)):
        assert through(x, 1e-3)[0].masked == 0


def test_classes_stay_when_decoded_values_are_encoded_again() -> None:
    """Nothing but indices decides: a value beside the fill value in the same cell of the lattice changes nothing."""
    rng = np.random.default_rng(8)
    x = (smooth(rng, 200, 200) * 10 + 280).astype("f4")
    x[coast(rng, 200, 200)] = -999
    moved = x + rng.uniform(-1e-4, 1e-4, x.shape).astype("f4") * (x == -999)
    assert (moved != x).any()
    assert through(x, 0.05)[1] == through(moved, 0.05)[1]


def test_packed_data_find_their_own_steps() -> None:
    rng = np.random.default_rng(9)
    packed = np.round(smooth(rng, 300, 200) * 4000)
    exact, _ = through((packed * 0.0017341 + 264.2173).astype("f4"))
    assert exact.kind == SOURCE
    assert exact.bits_u < exact.bits_k - 4
    tight, _ = through(packed * 0.0017341 + 264.2173, 2e-4)
    assert tight.kind == SOURCE
    decimals, _ = through(np.round(packed / 1000, 2))
    assert (decimals.kind, decimals.divides, decimals.quantum) == (SOURCE, 1, 100)
    assert through(np.round(packed).astype("f4"))[0].kind == SOURCE
    assert through((packed * 12).astype("i4"))[0].stride == 12


def test_fields_that_were_packed_one_by_one_find_their_phases() -> None:
    """As in GRIB: one step, but every field counts from its own lowest value."""
    rng = np.random.default_rng(15)
    fields = smooth(rng, 12, 50, 60) * 3 + 280
    lowest = np.round(fields.min(axis=(1, 2), keepdims=True) * 2**13) / 2**13
    x = np.round((fields - lowest) * 2**9) / 2**9 + lowest
    x[3] = np.nan
    x[5, :, :4] = np.nan
    for dtype, bound in (("f4", 0.0), ("f4", 3e-4), ("f8", 1e-4)):
        report, _ = through(x.astype(dtype), bound)
        assert (report.kind, report.quantum) == (FIELDS, 2**-9)
        assert report.bits_u < report.bits_k - 1
        assert report.unit_bytes < 60
    assert through((x + rng.normal(size=x.shape) * 1e-3).astype("f4"), 1e-4)[0].kind == AFFINE


def test_few_irregular_values_become_a_dictionary() -> None:
    rng = np.random.default_rng(10)
    levels = np.sort(rng.normal(size=300)) * 1000
    x = levels[np.clip(np.round(smooth(rng, 200, 300) * 40 + 150), 0, 299).astype(int)]
    report, _ = through(x, 1e-3)
    assert (report.kind, report.entries) == (DICTIONARY, np.unique(x).size)
    assert report.bits_u < report.bits_k - 2


def test_indices_that_are_dense_stay_as_they_are() -> None:
    rng = np.random.default_rng(11)
    for x, bound in ((smooth(rng, 200, 300).astype("f4"), 1e-3), (rng.poisson(50, (200, 300)).astype("u2"), 0.0)):
        report, _ = through(x, bound)
        assert (report.kind, report.stride) == (AFFINE, 1)


def test_damaged_streams_are_refused_or_harmless() -> None:
    """Bits changed, cut, made up: an error with a name or some classes, never a crash or an index off the lattice."""
    rng = np.random.default_rng(12)
    refused = 0
    for trial in range(400):
        x = (smooth(rng, 20, 30) * 30).astype(["f2", "f4", "f8", "i4", "u1"][trial % 5])
        if x.dtype.kind == "f":
            x[rng.random(x.shape) < rng.choice([0.01, 0.2])] = rng.choice([np.nan, -0.0, np.inf])
        bound = [0.0, 0.01][trial % 2]
        stream = bytearray(through(x, bound)[1])
        if trial % 3:
            for _ in range(rng.integers(1, 4)):
                stream[rng.integers(len(stream))] ^= 1 << rng.integers(8)
        else:
            stream = bytearray(rng.integers(0, 256, 2 * rng.integers(2, 40), dtype="u1").tobytes())
        for closed in (0, 1):
            for units_first in (0, 1):
                code = read(x, bytes(stream), bound, closed, units_first)
                refused += code != 0
                assert code in (0, abi.CORRUPT), stations().grid_said()
    assert refused > 800


def test_packed_masks_are_no_smaller() -> None:
    """Beside zlib on the packed bits."""
    rng = np.random.default_rng(13)
    for shape in ((300, 400), (12, 100, 100), (5, 6, 60, 70)):
        mask = coast(rng, *shape)
        x = np.where(mask, np.nan, smooth(rng, *shape)).astype("f4")
        assert through(x, 1e-3)[0].class_bytes < len(zlib.compress(np.packbits(mask).tobytes(), 9))
