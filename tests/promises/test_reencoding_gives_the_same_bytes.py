"""Guarantee 3: encoding what was decoded gives the same frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from baler_codec import Baler

from .hard_arrays import arrays, bounds, make

FAST = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@FAST
@given(array=arrays(), bound=bounds())
def test_any_numbers(array, bound):
    codec = Baler(bound=bound)
    frame = codec.encode(array)
    assert codec.encode(codec.decode(frame)) == frame


@pytest.mark.parametrize("bound", ["abs=1e-6", "abs=0.5", "pw_rel=1e-7", "pw_rel=0.1", "exact"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_a_large_table(dtype, bound):
    array = make(3, dtype, (10000, 5), 0.01)
    codec = Baler(bound=bound)
    frame = codec.encode(array)
    assert codec.encode(codec.decode(frame)) == frame


@pytest.mark.parametrize("bound", ["abs=1e-3", "pw_rel=1e-3"])
def test_values_do_not_depend_on_what_stands_beside_them(bound):
    """Compressible or not, alone or among others, a value goes to the same lattice point."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=2000).astype("f4")
    noise = np.frombuffer(rng.bytes(8000), "f4").copy()
    codec = Baler(bound=bound)

    def decoded(array):
        return codec.decode(codec.encode(array))

    expected = decoded(values)
    np.testing.assert_array_equal(decoded(values[:1]), expected[:1])
    np.testing.assert_array_equal(decoded(np.sort(values)), np.sort(expected))
    np.testing.assert_array_equal(decoded(np.concatenate([noise, values]))[2000:], expected)
    np.testing.assert_array_equal(decoded(values.reshape(10, 20, 10)), expected.reshape(10, 20, 10))
    np.testing.assert_array_equal(decoded(np.asfortranarray(values.reshape(100, 20))), expected.reshape(100, 20))
