"""Guarantees 1, 4 and 7: every value inside its bound or bit for bit, whatever the array looks like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baler_codec import Baler, ErrorBound

from .hard_arrays import arrays, assert_inside, bounds, make

FAST = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@FAST
@given(array=arrays(), bound=bounds())
def test_any_numbers(array, bound):
    codec = Baler(bound=bound)
    original = array.copy()
    decoded = codec.decode(codec.encode(array))
    np.testing.assert_array_equal(array.view(f"u{array.itemsize}"), original.view(f"u{array.itemsize}"))
    assert_inside(array, decoded, bound)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("bound", ["exact", "abs=1e-3", "abs=1", "pw_rel=1e-3", "pw_rel=0.3"])
def test_any_bits_of_a_float(dtype, bound):
    rng = np.random.default_rng(0)
    n = 1 << 16
    bits = np.arange(n, dtype="u2") if dtype == "f2" else np.frombuffer(rng.bytes(n * np.dtype(dtype).itemsize), "u1")
    array = bits.view(dtype)
    codec = Baler(bound=bound)
    assert_inside(array, codec.decode(codec.encode(array)), ErrorBound.parse(bound))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2"])
@pytest.mark.parametrize("bound", ["exact", "abs=1", "abs=2.5", "abs=1000", "pw_rel=1e-3", "pw_rel=0.3"])
def test_every_small_integer(dtype, bound):
    info = np.iinfo(dtype)
    array = np.arange(info.min, info.max + 1).astype(dtype)
    codec = Baler(bound=bound)
    assert_inside(array, codec.decode(codec.encode(array)), ErrorBound.parse(bound))


@pytest.mark.parametrize("dtype", ["i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("bound", ["exact", "abs=1", "abs=2.5", "abs=1e12", "pw_rel=1e-6", "pw_rel=0.3"])
def test_integers_at_the_end_of_their_range(dtype, bound):
    info = np.iinfo(dtype)
    near = [info.min + i for i in range(50)] + [info.max - i for i in range(50)] + list(range(max(info.min, -50), 50))
    powers = [
        v for e in range(info.bits) for d in (-1, 0, 1) for s in (1, -1) if info.min <= (v := s * 2**e + d) <= info.max
    ]
    array = np.array(near + powers, dtype)
    codec = Baler(bound=bound)
    assert_inside(array, codec.decode(codec.encode(array)), ErrorBound.parse(bound))


@FAST
@given(data=st.data(), bound=st.sampled_from(["exact", "abs=1e-3", "pw_rel=1e-4"]))
def test_fill_values_beside_data(data, bound):
    array = make(data.draw(st.integers(0, 2**32)), "f4", (300, 3), 0.0)
    fill = np.float32(data.draw(st.sampled_from([1e20, -999.0, 1e-34, np.nan, np.inf, -0.0])))
    array[np.random.default_rng(1).random(array.shape) < data.draw(st.sampled_from([0.01, 0.5, 0.99]))] = fill
    codec = Baler(bound=bound)
    assert_inside(array, codec.decode(codec.encode(array)), ErrorBound.parse(bound))


@pytest.mark.parametrize("dtype", ["S7", "U3", "c8", "c16", "M8[ns]", "m8[s]", "?", "V5", [("a", "f4"), ("b", "i8")]])
def test_what_is_not_a_number_is_kept_bit_for_bit(dtype):
    rng = np.random.default_rng(0)
    dtype = np.dtype(dtype)
    array = np.frombuffer(rng.integers(0, 2, size=200 * dtype.itemsize, dtype="u1").tobytes(), dtype)
    codec = Baler()
    assert np.ascontiguousarray(codec.decode(codec.encode(array))).tobytes() == array.tobytes()


def test_what_cannot_be_compressed_is_stored():
    array = np.frombuffer(np.random.default_rng(0).bytes(80000), "f8")
    for bound in ("exact", "pw_rel=1e-15"):
        frame = Baler(bound=bound).encode(array)
        assert len(frame) <= array.nbytes + 100
