"""The number of threads, as Python sets it."""

import numpy as np
import pytest

import baler_codec as baler


@pytest.fixture(autouse=True)
def _as_before():
    before = baler.get_threads()
    yield
    baler.set_threads(before)


def test_set_threads_gives_back_the_number_before():
    baler.set_threads(1)
    assert baler.set_threads(3) == 1
    assert baler.set_threads(np.int64(2)) == 3
    assert baler.get_threads() == 2


@pytest.mark.parametrize("n", [0, -1, 257])
def test_senseless_numbers_are_refused(n):
    before = baler.get_threads()
    with pytest.raises(baler.BalerError, match=f"1 to 256, not {n}"):
        baler.set_threads(n)
    assert baler.get_threads() == before


@pytest.mark.parametrize("n", [1.5, "2", None])
def test_threads_are_counted(n):
    with pytest.raises(TypeError):
        baler.set_threads(n)


def test_frames_are_the_same_with_more_threads():
    table = np.random.default_rng(0).normal(size=(9000, 7)).cumsum(0).astype("f4")
    codec = baler.Baler(bound="abs=1e-3")
    baler.set_threads(1)
    expected = codec.encode(table)
    baler.set_threads(4)
    assert codec.encode(table) == expected
    assert np.array_equal(codec.decode(expected), baler.Baler().decode(expected))
