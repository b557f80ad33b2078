"""Encoding what was decoded gives the same frame, byte for byte: partial writes never move a neighbour."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np
import pytest
from abi import ABS, EXACT, PW_REL, Bound, decode_like, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

DTYPES = ["<f2", "<f4", "<f8", ">f8", "i1", "u1", "<i2", ">u2", "<i4", "<u4", "<i8", "<u8"]


def bounds() -> st.SearchStrategy[Bound]:
    absolute = st.floats(min_value=0, max_value=sys.float_info.max, exclude_min=True)
    sensible = st.floats(min_value=-12, max_value=6).map(lambda e: 10.0**e)
    relative = st.one_of(
        st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True),
        st.floats(min_value=-17, max_value=-0.01).map(lambda e: 10.0**e),
    )
    return st.one_of(
        st.just(Bound(EXACT)),
        st.one_of(absolute, sensible).map(lambda e: Bound(ABS, e)),
        relative.map(lambda e: Bound(PW_REL, e)),
    )


def arrays() -> st.SearchStrategy[NDArray[Any]]:
    shape = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=8)
    return st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(np.dtype(d), shape))


@given(arrays(), bounds())
@settings(max_examples=400, deadline=None)
def test_any_array_gives_the_same_frame_again(x: NDArray[Any], bound: Bound) -> None:
    frame = encode(x, bound)
    y = decode_like(frame, x)
    assert encode(y, bound) == frame


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
@pytest.mark.parametrize("bound", [Bound(ABS, 1e-2), Bound(ABS, 1e-6), Bound(PW_REL, 1e-2), Bound(PW_REL, 1e-6)])
@pytest.mark.parametrize("case", ["noise", "steps", "sparse", "constant", "walk", "grid", "fill"])
def test_larger_chunks_give_the_same_frame_again(case: str, dtype: str, bound: Bound) -> None:
    rng = np.random.default_rng(6)
    t = np.linspace(0, 6, 128)
    x = {
        "noise": rng.normal(size=(3000, 4)),
        "steps": np.round(rng.normal(size=(3000, 4)) * 20) / 20,
        "sparse": rng.normal(size=(3000, 4)) * (rng.random((3000, 4)) < 0.05),
        "constant": np.full((3000, 4), 1 / 3),
        "walk": rng.normal(size=(3000, 4)).cumsum(axis=0) / 8,
        "grid": np.sin(t)[:, None, None] * np.cos(t[:48])[None, :, None] + np.cos(t[:4] * 3),
        "fill": np.where(rng.random((3000, 4)) < 0.3, -999.0, rng.normal(size=(3000, 4))),
    }[case].astype(dtype)
    frame = encode(x, bound)
    y = decode_like(frame, x)
    assert encode(y, bound) == frame


def test_the_hosts_floating_point_state_does_not_matter() -> None:
    """Subnormals survive a host that flushes them, and the host's state is as it was afterwards."""
    x = np.array([1e-310, -3e-320, 5e-324, 1e-308, 2.5], "<f8").repeat(50)
    z = x.astype("<f4") + np.float32(1e-44)
    expected = encode(x), encode(z), encode(x, Bound(ABS, 1e-315)), encode(z, Bound(PW_REL, 1e-3))
    libm = ctypes.CDLL(None)
    if not hasattr(libm, "fesetround"):
        pytest.skip("no fesetround here")
    upward = 0x800 if sys.platform == "linux" else None
    if upward is None:
        pytest.skip("the constant FE_UPWARD is only known for Linux on x86-64")
    before = libm.fegetround()
    try:
        if libm.fesetround(upward) != 0:
            pytest.skip("the rounding mode cannot be set")
        again = encode(x), encode(z), encode(x, Bound(ABS, 1e-315)), encode(z, Bound(PW_REL, 1e-3))
        assert libm.fegetround() == upward
    finally:
        libm.fesetround(before)
    assert again == expected
    assert decode_like(expected[0], x).tobytes() == x.tobytes()
