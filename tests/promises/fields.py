"""Grids of every character that real ones have: smooth, noisy, stepped, counted; with holes, fills and odd layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_codec import native

KINDS = ("smooth", "rough", "noise", "steps", "counts", "waves", "constant", "line", "huge", "tiny", "packed")
MASKS = ("none", "none", "nan", "fill", "edge", "scattered", "odd", "most")


def smooth(rng: np.random.Generator, shape: tuple[int, ...], waves: int = 4) -> NDArray[np.float64]:
    """A few waves along random directions, of size about 1."""
    axes = np.meshgrid(*(np.arange(n) / max(n, 8) for n in shape), indexing="ij", sparse=True)
    field = np.zeros(shape)
    for _ in range(waves):
        phase = sum((x * rng.normal() * 6 for x in axes), np.full((1,) * len(shape), rng.uniform(0, 6)))
        field = field + rng.normal() * np.sin(phase)
    return field


def values(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> NDArray[np.float64]:
    base = smooth(rng, shape)
    noise = rng.normal(size=shape)
    return {
        "smooth": lambda: base * 10,
        "rough": lambda: base + 0.02 * noise,
        "noise": lambda: noise * 10,
        "steps": lambda: np.rint(base * 2) * 5,
        "counts": lambda: np.asarray(rng.poisson(np.exp(2 * base)), float),
        "waves": lambda: np.sin(np.arange(base.size).reshape(shape) * 0.7) * 100,
        "constant": lambda: np.full(shape, rng.normal() * 50),
        "line": lambda: np.arange(base.size).reshape(shape) * 0.25,
        "huge": lambda: base * 10.0 ** rng.integers(3, 30),
        "tiny": lambda: base * 10.0 ** -rng.integers(3, 30),
        "packed": lambda: np.rint(base * 2000) * 0.01 + 273.15,
    }[kind]()


def hole(rng: np.random.Generator, shape: tuple[int, ...], mask: str) -> NDArray[np.bool_]:
    """Cells that hold no data."""
    if mask == "none" or not shape:
        return np.zeros(shape, np.bool_)
    if mask == "edge":
        where = np.zeros(shape, np.bool_)
        where[..., -max(1, shape[-1] // 5) :] = True
        return where
    if mask in ("scattered", "odd"):
        return rng.random(shape) < 0.05
    return smooth(rng, shape, 3) > (-1.0 if mask == "most" else 1.0)


def as_dtype(x: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    kind = np.dtype(dtype)
    with np.errstate(over="ignore", under="ignore"):
        if kind.kind == "f":
            finite = np.finfo(kind)
            return np.clip(x, finite.min, finite.max).astype(kind)
        info = np.iinfo(kind)
        low, high = max(info.min, -(2**62)), min(info.max, 2**62)
        return np.clip(np.rint(x - (x.min() if info.min == 0 and x.size else 0)), low, high).astype(kind)


def make_field(
    seed: int, dtype: str, shape: tuple[int, ...], kind: str = "smooth", mask: str = "none", layout: str = "C"
) -> NDArray[Any]:
    """layout: C, F, or > for big-endian."""
    rng = np.random.default_rng(seed)
    array = as_dtype(values(rng, shape, kind), dtype)
    where = hole(rng, shape, mask)
    if array.dtype.kind == "f" and array.ndim:
        with np.errstate(over="ignore"):
            fill = np.array([np.nan] if mask == "nan" else [1e20, -999.0, -32768.0, 9.96921e36]).astype(dtype)
        odd = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-40]).astype(dtype)
        if mask == "odd":
            array[where] = rng.choice(odd, int(where.sum()))
        else:
            array[where] = rng.choice(fill)
    elif array.ndim:
        array[where] = np.iinfo(dtype).max if mask != "nan" else np.iinfo(dtype).min
    if layout == ">":
        return array.astype(array.dtype.newbyteorder(">"))
    return np.asfortranarray(array) if layout == "F" else array


def shapes(most: int = 4000) -> st.SearchStrategy[tuple[int, ...]]:
    def up_to(n: int) -> st.SearchStrategy[int]:
        return st.one_of(st.integers(1, n), st.sampled_from([1, 2, 3, 4, 5, 16, 17, 33, 65]).filter(lambda x: x <= n))

    return st.one_of(
        st.tuples(up_to(most)),
        st.tuples(up_to(70), up_to(70)),
        st.tuples(up_to(17), up_to(20), up_to(20)),
        st.tuples(up_to(6), up_to(6), up_to(12), up_to(12)),
        st.tuples(up_to(3), up_to(4), up_to(5), up_to(9), up_to(9)),
        st.tuples(*[up_to(3)] * 6),
    ).filter(lambda shape: int(np.prod(shape)) <= most)


@st.composite
def fields(draw: st.DrawFn, dtypes: tuple[str, ...], most: int = 4000) -> NDArray[Any]:
    return make_field(
        draw(st.integers(0, 2**32)),
        draw(st.sampled_from(dtypes)),
        draw(shapes(most)),
        draw(st.sampled_from(KINDS)),
        draw(st.sampled_from(MASKS)),
        draw(st.sampled_from(["C", "C", "F", ">"])),
    )


def frame_of(data: bytes) -> native.Frame:
    return native.frame_info(np.frombuffer(data, np.uint8))
