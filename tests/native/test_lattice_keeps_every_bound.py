"""Every finite value comes back inside its bound, and everything else bit for bit, whatever the dtype and the bound."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from abi import ABS, EXACT, PW_REL, Bound, decode_like, encode, info
from numpy.typing import NDArray

FLOATS = ["<f2", "<f4", "<f8", ">f4"]
INTEGERS = ["i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", ">i8"]
ABSOLUTE = [1e-300, 1e-45, 1e-9, 6e-8, 1e-5, 1e-3, 0.3, 0.5, 1.0, 3.7, 1000.0, 1e9, 1e18, 1e300]
RELATIVE = [1e-20, 2.0**-53, 3e-16, 2.0**-24, 1.3e-7, 1e-6, 2.0**-11, 1e-4, 1e-3, 1e-2, 0.3, 0.999]


def awkward_floats(dtype: str) -> NDArray[Any]:
    """Magnitudes of every octave, both signs, neighbours of powers of two, extremes, and what no lattice holds."""
    rng = np.random.default_rng(1)
    finfo = np.finfo(np.dtype(dtype).newbyteorder("="))
    octaves = np.arange(finfo.minexp - finfo.nmant, finfo.maxexp)
    powers = np.ldexp(1.0, octaves).astype(dtype)
    values = [
        powers,
        np.nextafter(powers.astype(powers.dtype.newbyteorder("=")), np.inf, dtype=powers.dtype.newbyteorder("=")),
        np.nextafter(powers.astype(powers.dtype.newbyteorder("=")), 0, dtype=powers.dtype.newbyteorder("=")),
        np.ldexp(rng.uniform(1, 2, len(octaves)), octaves),
        rng.normal(size=300),
        rng.normal(280, 20, size=300),
        np.array([0.0, -0.0, np.inf, -np.inf, np.nan, finfo.max, finfo.tiny, finfo.smallest_subnormal, -999, 1e4]),
    ]
    with np.errstate(over="ignore"):
        x = np.concatenate([v.astype(dtype) for v in values])
    return np.concatenate([x, -x])


def awkward_integers(dtype: str) -> NDArray[Any]:
    rng = np.random.default_rng(2)
    limits = np.iinfo(np.dtype(dtype).newbyteorder("="))
    powers = [2**e + d for e in range(64) for d in (-1, 0, 1)]
    near = [v for v in [*powers, *(-p for p in powers), 0, limits.min, limits.max] if limits.min <= v <= limits.max]
    wide = rng.integers(limits.min, limits.max, size=300, dtype=limits.dtype, endpoint=True)
    return np.concatenate([np.array(near, dtype), wide.astype(dtype), rng.integers(0, 100, 300).astype(dtype)])


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.tobytes() == b.tobytes()


def assert_inside(x: NDArray[Any], y: NDArray[Any], bound: Bound) -> None:
    if bound.kind == EXACT:
        assert same_bits(x, y)
        return
    finite = np.isfinite(x.astype("f8"))
    assert same_bits(x[~finite], y[~finite])
    minus_zero = (x == 0) & np.signbit(x.astype("f8"))
    assert same_bits(x[minus_zero], y[minus_zero])
    limit = Fraction(bound.value)
    for a, b in zip(x[finite].tolist(), y[finite].tolist(), strict=True):
        error = abs(Fraction(b) - Fraction(a))
        if bound.kind == ABS:
            assert error <= limit, (a, b)
        else:  # the bound of a value is a double: eps * |x|, rounded
            assert error <= Fraction(bound.value * abs(float(a))), (a, b)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_exact_is_bit_for_bit(dtype: str) -> None:
    x = awkward_floats(dtype) if np.dtype(dtype).kind == "f" else awkward_integers(dtype)
    assert same_bits(decode_like(encode(x), x), x)


@pytest.mark.parametrize("eps", ABSOLUTE)
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_absolute_bounds_hold(dtype: str, eps: float) -> None:
    x = awkward_floats(dtype) if np.dtype(dtype).kind == "f" else awkward_integers(dtype)
    assert_inside(x, decode_like(encode(x, Bound(ABS, eps)), x), Bound(ABS, eps))


@pytest.mark.parametrize("eps", RELATIVE)
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_relative_bounds_hold(dtype: str, eps: float) -> None:
    x = awkward_floats(dtype) if np.dtype(dtype).kind == "f" else awkward_integers(dtype)
    assert_inside(x, decode_like(encode(x, Bound(PW_REL, eps)), x), Bound(PW_REL, eps))


@pytest.mark.parametrize("eps", [1e-9, 1e-6, 3e-5, 1e-3])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_bounds_near_the_precision_of_the_dtype_need_no_exceptions(dtype: str, eps: float) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(300, 100, 20_000).astype(dtype)
    assert info(encode(x, Bound(ABS, eps))).n_exceptions == 0
    assert info(encode(x, Bound(PW_REL, eps))).n_exceptions == 0


def test_an_integer_keeps_a_bound_beyond_the_precision_of_doubles() -> None:
    x = 1_700_000_000_000_000_000 + np.arange(5000, dtype="<i8") * 37
    bound = Bound(ABS, 100.0)
    y = decode_like(encode(x, bound), x)
    assert np.abs(y - x).max() <= 100


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0), (50, 4), (4, 50), (3, 1025), (5, 6, 7), (2, 3, 1, 4)])
def test_shapes_and_memory_orders_come_back(shape: tuple[int, ...], order: Any) -> None:
    rng = np.random.default_rng(4)
    x = np.asarray(rng.normal(size=shape).astype("<f4"), order=order)
    frame = encode(x, Bound(ABS, 1e-3))
    y = decode_like(frame, x)
    assert list(info(frame).array.shape[: x.ndim]) == list(shape)
    assert np.abs(y.astype("f8") - x).max(initial=0) <= 1e-3
    assert same_bits(y, decode_like(encode(y, Bound(ABS, 1e-3)), y))


@pytest.mark.parametrize("itemsize", [1, 3, 16, 300])
def test_other_types_come_back_as_bytes(itemsize: int) -> None:
    rng = np.random.default_rng(5)
    x = np.frombuffer(rng.integers(0, 3, 200 * itemsize, dtype="u1").tobytes(), f"V{itemsize}")
    assert same_bits(decode_like(encode(x, Bound(ABS, 1.0)), x), x)


@pytest.mark.parametrize("eps", [1e-6, 1e-3, 0.0371, 0.5, 5.0])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_fill_values_can_be_found_again_with_equality(dtype: str, eps: float) -> None:
    rng = np.random.default_rng(8)
    known = np.array([-999, -9999, -99999, -99, -32768, 9999, 99999, 1e20, -1e34, 9.969209968386869e36])
    with np.errstate(over="ignore"):
        fills = known.astype(dtype)
    x = rng.normal(scale=300, size=4000).astype(dtype)
    x[::7] = rng.choice(fills, len(x[::7]))
    bound = Bound(ABS, eps)
    y = decode_like(encode(x, bound), x)
    assert_inside(x, y, bound)
    held = fills[(fills == known) & (eps * 16 <= np.abs(known)) | (np.abs(known) > 1e19)]
    for v in held:
        assert (y[x == v] == v).all()
