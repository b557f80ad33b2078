"""A model changes the size, never the values: whatever it predicts, whatever the table holds."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import abi
import models

DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    """A model, released at the end."""
    handle = ctypes.c_void_p()
    abi.check(abi.library().baler_model_open(data, ctypes.c_size_t(len(data)), ctypes.byref(handle)))
    try:
        assert handle.value
        yield handle.value
    finally:
        abi.library().baler_model_release(handle)


def random_table(rng: np.random.Generator, dtype: str, rows: int, columns: int) -> NDArray[Any]:
    """Columns of all sorts: smooth, heavy-tailed, mostly zero, constant, repeated; holes and infinities in floats."""
    out = np.empty((rows, columns), dtype)
    info = np.iinfo(dtype) if out.dtype.kind in "iu" else None
    for c in range(columns):
        sort = rng.integers(6)
        x = rng.normal(size=rows) * 10.0 ** rng.uniform(-2, 3)
        if sort == 1:
            x = np.exp(rng.normal(size=rows) * 2)
        elif sort == 2:
            x = np.where(rng.random(rows) < 0.7, 0.0, np.abs(x))
        elif sort == 3:
            x = np.full(rows, float(rng.integers(0, 50)))
        elif sort == 4:
            x = np.repeat(x, 5)[:rows]
        elif sort == 5:
            x = np.cumsum(rng.normal(size=rows))
        if info:
            x = np.clip(x, float(info.min) / 2, float(info.max) / 2)
            out[:, c] = x.astype(dtype)
            at = rng.random(rows) < 0.01
            out[at, c] = rng.choice(np.array([info.min, info.max], dtype), at.sum())
        else:
            with np.errstate(over="ignore"):
                out[:, c] = x.astype(dtype)
            if rng.random() < 0.5:
                at = rng.random(rows) < 0.03
                out[at, c] = rng.choice(np.array([np.nan, np.inf, -0.0, 6e4, -6e4, 1e-7], dtype), at.sum())
    return out


def random_bounds(rng: np.random.Generator, columns: int) -> list[tuple[int, float]]:
    def one() -> tuple[int, float]:
        kind = int(rng.integers(3))
        return kind, 0.0 if kind == models.EXACT else float(10.0 ** rng.uniform(-5, -1))

    return [one() for _ in range(columns)] if rng.random() < 0.5 else [one()]


def assert_within(x: NDArray[Any], y: NDArray[Any], bounds: list[tuple[int, float]]) -> None:
    unsigned = {2: "u2", 4: "u4", 8: "u8", 1: "u1"}[x.dtype.itemsize]
    same = x.view(unsigned) == y.view(unsigned)
    for c in range(x.shape[1]):
        kind, value = bounds[c if len(bounds) > 1 else 0]
        at = ~same[:, c]
        if x.dtype.kind == "f":
            assert np.isfinite(x[at, c]).all(), "what is not finite comes back bit for bit"
        a, b = x[at, c].astype(np.longdouble), y[at, c].astype(np.longdouble)
        allowed = {models.EXACT: 0.0, models.ABS: value, models.PW_REL: value * np.abs(a)}[kind]
        assert (np.abs(a - b) <= allowed).all()


def case(seed: int) -> tuple[NDArray[Any], models.Model]:
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([1, 2, 15, 16, 17, 100, 255, 256, 700, 2047, 2500, 8192, 10000]))
    columns = int(rng.integers(1, 9)) if rows < 5000 else int(rng.integers(1, 4))
    table = random_table(rng, DTYPES[seed % len(DTYPES)], rows, columns)
    return table, models.random_model(rng, table, random_bounds(rng, columns), n_latents=int(rng.integers(4)) // 2)


@pytest.mark.parametrize("seed", range(66))
def test_every_model_gives_the_values_back_inside_the_bound(seed: int) -> None:
    table, model = case(seed)
    with opened(model.pack()) as handle:
        frame = abi.encode(table, model=handle)
        back = abi.decode_like(frame, table, model=handle)
        assert_within(table, back, model.bounds)
        assert abi.encode(back, model=handle) == frame, "encoding again changes nothing"
