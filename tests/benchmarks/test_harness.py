"""The benchmark judges fairly: its check sees a broken bound, its peers' lattices keep theirs, a crash is no figure."""

import os

import numpy as np
import pytest

from benchmarks.bounds import Bound, LogLattice, detect_unit, keeps, quantise
from benchmarks.isolate import ChildFailed, call
from benchmarks.peers import rounded

RNG = np.random.default_rng(5)
X = np.concatenate([[0.0], RNG.lognormal(2, 3, 5000) * RNG.choice([-1, 1], 5000)]).astype("f4")


@pytest.mark.parametrize("bound", [Bound("abs", 1e-2), Bound("pw_rel", 1e-3), Bound("pw_rel", 1e-2), Bound("exact")])
def test_the_check_sees_one_value_outside(bound):
    assert keeps(X, X.copy(), bound)
    wrong = X.copy()
    wrong[77] += np.float32(0.011 if bound.kind == "abs" else abs(wrong[77]) * 0.0101)
    assert not keeps(X, wrong, bound)
    assert not keeps(X, X.astype("f8"), bound)


@pytest.mark.parametrize("bound", [Bound("abs", 1e-2), Bound("abs", 3.3), Bound("pw_rel", 1e-3), Bound("pw_rel", 1e-2)])
def test_what_a_quantising_peer_decodes_keeps_the_bound(bound):
    index, decoded, extra = quantise(X, bound)
    assert keeps(X, decoded, bound)
    assert index.dtype == np.int64 and extra < X.nbytes / 50


def test_the_log_lattice_has_as_many_points_as_the_bound_needs():
    assert LogLattice(1e-3).n == 347  # ln 2 / ln((1 + e) / (1 - e)), rounded up
    lattice = LogLattice(1e-3)
    k = np.arange(-3000, 3000)
    assert np.array_equal(lattice.index(lattice.value(k)), k)


def test_the_data_own_lattice_is_found():
    assert detect_unit(np.arange(100, dtype="f4")) == 1.0
    areas = (RNG.integers(40, 160, 20000) * 0.0099733).astype("f4")
    assert detect_unit(areas) == pytest.approx(0.0099733, rel=1e-5)
    assert detect_unit(X) == 0.0


@pytest.mark.parametrize("truncate", [False, True])
def test_mantissa_rounding_keeps_the_bound_with_the_fewest_bits(truncate):
    values = rounded(X, Bound("pw_rel", 1e-3), truncate)
    assert keeps(X, values, Bound("pw_rel", 1e-3))
    assert not keeps(X, values, Bound("pw_rel", 0.4e-3))


def test_a_crash_and_a_hang_are_reported_not_fatal():
    assert call(max, 1, 2) == 2
    with pytest.raises(ChildFailed, match="crashed"):
        call(os._exit, 9)
    with pytest.raises(ChildFailed, match="ZeroDivisionError"):
        call(divmod, 1, 0)
    with pytest.raises(ChildFailed, match="no answer"):
        call(__import__("time").sleep, 5, seconds=0.2)
