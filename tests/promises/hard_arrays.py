"""Arrays with everything in them that real data has and tests forget, and what a bound promises about each value."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_codec import ErrorBound

FLOATS = ("f2", "f4", "f8")
INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
FILLS = (1e20, -999.0, 1e-34, -1e34, 9.969209968386869e36, 65504.0)


def smooth(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return np.cumsum(rng.normal(size=n)) * 10.0 ** rng.integers(-3, 4)


def float_values(rng: np.random.Generator, dtype: np.dtype[Any], n: int, odd: float) -> NDArray[Any]:
    """Smooth, heavy-tailed or rounded values; the fraction `odd` is strange."""
    base = [
        smooth(rng, n),
        rng.exponential(size=n) ** 3,
        rng.integers(-5, 6, size=n) * 0.25,
        np.full(n, rng.normal()),
        rng.normal(size=n) * 10.0 ** rng.integers(-30, 30, size=n),
    ][rng.integers(5)]
    bits = np.dtype(f"u{dtype.itemsize}")
    with np.errstate(over="ignore", under="ignore"):
        values = base.astype(dtype)
        strange = np.where(rng.random(n) < odd)[0]
        kinds = rng.integers(7, size=strange.size)
        info = np.finfo(dtype)
        for i, kind in zip(strange, kinds, strict=True):
            if kind == 0:  # NaN with any sign and payload
                exponent = int(np.array(np.inf, dtype).view(bits))
                payload = int(rng.integers(1, 1 << info.nmant))
                values.view(bits)[i] = exponent | payload | int(rng.integers(2)) << (8 * dtype.itemsize - 1)
            elif kind == 1:
                values[i] = rng.choice([np.inf, -np.inf])
            elif kind == 2:
                values[i] = -0.0
            elif kind == 3:  # denormal
                values.view(bits)[i] = int(rng.integers(1, 1 << info.nmant))
            elif kind == 4:
                values[i] = rng.choice(FILLS)
            elif kind == 5:
                values[i] = rng.choice([info.max, info.min, info.tiny, info.eps, 0.0])
            else:
                values.view(bits)[i] = int.from_bytes(rng.bytes(dtype.itemsize), "little")
    return values


def integer_values(rng: np.random.Generator, dtype: np.dtype[Any], n: int, odd: float) -> NDArray[Any]:
    info = np.iinfo(dtype)
    width = int(rng.integers(1, 8 * dtype.itemsize + 1))
    low, high = max(info.min, -(1 << width)), min(info.max, 1 << width)
    values = rng.integers(low, high, size=n, dtype=dtype, endpoint=True)
    if rng.integers(2):
        values = np.sort(values)
    strange = rng.random(n) < odd
    values[strange] = rng.choice(np.array([info.min, info.max, 0, 1, info.max - 1], dtype), size=int(strange.sum()))
    return values


def make(
    seed: int, dtype: str, shape: tuple[int, ...], odd: float, layout: str = "C", big: bool = False
) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    values = (float_values if kind.kind == "f" else integer_values)(rng, kind, n, odd)
    array = values.reshape(shape)
    if big:
        array = array.astype(kind.newbyteorder(">"))
    if layout == "F":
        array = np.asfortranarray(array)
    elif layout == "strided" and array.ndim:
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == "reversed" and array.ndim:
        array = array[::-1]
    elif layout == "read-only":
        array.flags.writeable = False
    return array


@st.composite
def arrays(draw: st.DrawFn, dtypes: tuple[str, ...] = FLOATS + INTEGERS, max_rows: int = 400) -> NDArray[Any]:
    rows = st.integers(0, max_rows)
    shape = draw(
        st.one_of(
            st.just(()),
            st.tuples(rows),
            st.tuples(rows, st.integers(0, 6)),
            st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 12)),
            st.tuples(st.integers(1, 4), st.integers(1025, 1100)),
            st.tuples(*[st.integers(1, 3)] * 5),
        )
    )
    return make(
        draw(st.integers(0, 2**32)),
        draw(st.sampled_from(dtypes)),
        shape,
        draw(st.sampled_from([0.0, 0.02, 0.5, 1.0])),
        draw(st.sampled_from(["C", "F", "strided", "reversed", "read-only"])),
        draw(st.booleans()),
    )


def bounds() -> st.SearchStrategy[ErrorBound]:
    return st.one_of(
        st.just(ErrorBound("exact")),
        st.floats(-12, 9).map(lambda e: ErrorBound("abs", 10.0**e)),
        st.sampled_from([0.5, 1.0, 2.0, 1e-320, 1e300, 2.0**61]).map(lambda e: ErrorBound("abs", e)),
        st.floats(-12, -0.01).map(lambda e: ErrorBound("pw_rel", 10.0**e)),
    )


def bits(array: NDArray[Any]) -> NDArray[Any]:
    """The items of an array as unsigned numbers, whatever they are."""
    native = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="), copy=False)
    return native.view(np.dtype(f"u{array.dtype.itemsize}")).reshape(array.shape)


def assert_inside(before: NDArray[Any], after: NDArray[Any], bound: ErrorBound) -> None:
    """docs/guarantees.md, word by word."""
    assert after.dtype == before.dtype and after.shape == before.shape
    before, after = np.atleast_1d(before), np.atleast_1d(after)
    same = bits(before) == bits(after)
    if bound.kind == "exact":
        assert same.all()
        return
    if before.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            x, y = (a.astype(np.float64) for a in (before, after))
        exact = ~np.isfinite(x) | ((x == 0) & np.signbit(x))
        assert same[exact].all(), "NaN, Inf or −0 changed"
        x, y = x[~exact], y[~exact]
        assert np.isfinite(y).all()
        with np.errstate(over="ignore", under="ignore"):
            error = np.abs(y - x)
            limit = bound.value * (np.abs(x) if bound.kind == "pw_rel" else 1.0)
        assert (error <= limit).all(), f"{bound}: {x[error > limit][:5]} became {y[error > limit][:5]}"
    else:
        x, y = before.astype(object), after.astype(object)  # exact
        limits = [bound.value * (abs(v) if bound.kind == "pw_rel" else 1) for v in x.flat]
        assert all(abs(b - a) <= limit for a, b, limit in zip(x.flat, y.flat, limits, strict=True)), str(bound)
    if bound.kind == "pw_rel":
        assert ((x > 0) == (y > 0)).all() and ((x < 0) == (y < 0)).all(), "a sign or a zero changed"
