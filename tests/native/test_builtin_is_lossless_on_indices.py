"""The built-in model gives every lattice index back, and costs next to nothing where a table says nothing new."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import abi
import numpy as np
import pytest
from abi import (
    ABS,
    BUILTIN,
    EXACT,
    PW_REL,
    Bound,
    NativeError,
    decode_bytes,
    decode_like,
    encode,
    info,
    payload_start,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

FLOATS = ("<f2", "<f4", "<f8")
DTYPES = (*FLOATS, "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8")


def column(kind: str, rows: int, rng: np.random.Generator, before: list[NDArray[Any]]) -> NDArray[Any]:
    """One column of a shape that some part of the model is made for, or that it is not."""
    if kind == "constant":
        return np.full(rows, rng.integers(0, 5), float)
    if kind == "normal":
        return rng.normal(size=rows) * 30
    if kind == "counts":
        return rng.poisson(2.0, rows).astype(float)
    if kind == "repeated":
        return np.repeat(rng.normal(size=rows // 5 + 1) * 50, 5)[:rows]
    if kind == "walk":
        return np.cumsum(rng.normal(size=rows))
    if kind == "few":
        return rng.choice(rng.normal(size=7) * 100, rows)
    if kind == "sum" and before:
        return np.sum(before, axis=0)
    if kind == "wide":
        return 10.0 ** rng.uniform(-4, 4, rows) * rng.choice([-1, 1], rows)
    if kind == "holes":
        return np.where(rng.random(rows) < 0.2, np.nan, rng.integers(0, 90, rows))
    return np.where(rng.random(rows) < 0.98, 0.0, rng.normal(size=rows) * 40)


KINDS = ("constant", "normal", "counts", "repeated", "walk", "few", "sum", "wide", "holes", "sparse")


def make(kinds: list[str], rows: int, dtype: str, seed: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    columns: list[NDArray[Any]] = []
    for kind in kinds:
        columns.append(column(kind, rows, rng, columns))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.ascontiguousarray(np.stack(columns, 1).astype(dtype))


def assert_exact(x: NDArray[Any]) -> bytes:
    frame = encode(x)
    assert decode_like(frame, x).tobytes() == x.tobytes()
    return frame


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
    st.integers(1, 700),
    st.sampled_from(DTYPES),
    st.integers(0, 2**32 - 1),
)
def test_any_table_comes_back_bit_for_bit(kinds: list[str], rows: int, dtype: str, seed: int) -> None:
    assert_exact(make(kinds, rows, dtype, seed))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    st.integers(1, 500),
    st.sampled_from(FLOATS),
    st.sampled_from([Bound(ABS, 1e-3), Bound(ABS, 0.5), Bound(PW_REL, 1e-2), Bound(PW_REL, 1e-3)]),
    st.integers(0, 2**32 - 1),
)
def test_a_decoded_table_is_encoded_to_the_same_bytes(
    kinds: list[str], rows: int, dtype: str, bound: Bound, seed: int
) -> None:
    x = make(kinds, rows, dtype, seed)
    once = decode_like(encode(x, bound), x)
    again = decode_like(encode(once, bound), x)
    assert again.tobytes() == once.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=5), st.sampled_from(DTYPES), st.integers(0, 2**32 - 1))
def test_any_raster_comes_back_bit_for_bit(shape: list[int], dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    smooth = sum(np.cumsum(rng.integers(-2, 3, shape), axis) for axis in range(len(shape)))
    assert_exact(np.ascontiguousarray(np.abs(smooth).astype(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_at_the_ends_of_a_type_come_back(dtype: str) -> None:
    limits = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    ends = np.array([limits.min, limits.max, 0, 1, limits.max, limits.min], dtype)
    rng = np.random.default_rng(3)
    assert_exact(rng.choice(ends, (900, 3)))
    assert_exact(np.frombuffer(rng.bytes(900 * np.dtype(dtype).itemsize), dtype).reshape(300, 3))


def test_repeated_events_are_nearly_free() -> None:
    rng = np.random.default_rng(0)
    event = rng.normal(size=(4000, 6)).astype("<f4")  # what every row of an event repeats
    x = np.repeat(event, 25, axis=0)
    frame = encode(x)
    assert decode_like(frame, x).tobytes() == x.tobytes()
    # the events themselves are noise of 4 bytes; 96,000 repetitions of six columns get a bit each at most
    assert len(frame) < event.nbytes + len(x) // 8


def test_one_repeated_row_is_free() -> None:
    x = np.tile(np.arange(1, 25, dtype="<f4") * 1.1, (100_000, 1))
    assert len(assert_exact(x)) < 400


def test_exact_sums_cost_nothing() -> None:
    rng = np.random.default_rng(1)
    parts = rng.exponential(20, (20_000, 3)).astype("<f4")
    total = (parts[:, 0] + parts[:, 1]).astype("<f4")
    alone, with_sum = encode(parts), assert_exact(np.column_stack([parts, total, parts[:, 2]]))
    assert len(with_sum) < len(alone) * 1.01 + 200


def test_sums_cost_little_on_a_lattice() -> None:
    rng = np.random.default_rng(1)
    parts = rng.exponential(20, (20_000, 3)).astype("<f4")
    bound = Bound(ABS, 0.01)
    table = np.column_stack([parts, parts.sum(1)]).astype("<f4")
    alone, with_sum = encode(parts, bound), encode(table, bound)
    # the sum of three roundings is known to a few steps: two bits or so
    assert len(with_sum) - len(alone) < 20_000 * 2.5 / 8


@pytest.mark.parametrize("dtype", FLOATS)
def test_whole_numbers_cost_the_same_in_every_dtype(dtype: str) -> None:
    counts = np.random.default_rng(2).poisson(8.0, (20_000, 2))
    size = {name: len(assert_exact(counts.astype(name))) for name in (dtype, "<i4")}
    assert size[dtype] < size["<i4"] * 1.02 + 50


def test_a_column_of_few_values_costs_their_entropy() -> None:
    rng = np.random.default_rng(4)
    x = rng.choice(rng.normal(size=100).astype("<f4"), 50_000)[:, None]
    assert len(assert_exact(x)) < 50_000 * np.log2(100) / 8 * 1.01 + 800


def test_small_chunks_do_not_drown_in_tables() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1024, 24)).astype("<f4")
    bound = Bound(ABS, 0.01)
    entropy = np.log2(np.sqrt(2 * np.pi * np.e) / 0.02)  # bits of a normal variable in steps of 0.02
    assert len(encode(x, bound)) < x.size * entropy / 8 * 1.06


REFUSALS = {abi.CORRUPT, abi.VERSION, abi.BUFFER}


@pytest.mark.parametrize("kinds", [("normal", "sum", "few"), ("repeated", "counts", "walk"), ("holes", "sparse")])
@pytest.mark.parametrize("bound", [Bound(EXACT, 0.0), Bound(ABS, 1e-2)])
def test_damaged_payloads_are_refused_or_decoded(kinds: tuple[str, ...], bound: Bound) -> None:
    """With a checksum that fits, as somebody with bad intentions would write them."""
    x = make([*kinds, "normal"], 300, "<f4", 6)
    frame = encode(x, bound)
    assert info(frame).mode == BUILTIN
    start, rng = payload_start(frame), np.random.default_rng(7)
    refused = 0
    for trial in range(300):
        bad = bytearray(frame[:-4])
        for _ in range(int(rng.integers(1, 4))):
            bad[rng.integers(start, min(len(bad), start + (len(bad) if trial % 2 else 150)))] = rng.integers(256)
        try:
            decode_bytes(bytes(bad) + struct.pack("<I", zlib.crc32(bad)), x.nbytes)
        except NativeError as e:
            refused += 1
            assert e.code in REFUSALS, e
    assert refused > 100
