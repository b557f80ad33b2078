"""ErrorBound: what may be said, what is refused by name, and what check() calls kept."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_codec import ErrorBound
from baler_codec.errors import BalerError, BoundError, DTypeError, ShapeError


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("abs=1e-3", "abs", 1e-3),
        ("pw_rel=0.01", "pw_rel", 0.01),
        ("range=1e-4", "range", 1e-4),
        (" abs = 2 ", "abs", 2.0),
        ("exact", "exact", 0.0),
        ("latent", "latent", 0.0),
    ],
)
def test_the_grammar_is_understood(text, kind, value):
    assert ErrorBound.parse(text) == ErrorBound(kind, value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("abs=0", "exact"),
        ("abs=-1e-3", "positive"),
        ("abs=nan", "positive"),
        ("pw_rel=inf", "finite"),
        ("pw_rel=1", "below 1"),
        ("abs", "lacks its value"),
        ("abs=", "lacks its value"),
        ("abs=tiny", "'tiny'"),
        ("exact=0", "takes no value"),
        ("rel=1e-3", "pw_rel"),
        ("lossless", '"exact"'),
        ("", "unknown kind"),
        (1e-3, "string"),
        (None, "string"),
    ],
)
def test_nonsense_is_refused_by_name(text, says):
    with pytest.raises(BoundError, match=says):
        ErrorBound.parse(text)


def test_errors_are_value_errors():
    with pytest.raises(ValueError, match="unknown kind"):
        ErrorBound("nearly")
    assert issubclass(BoundError, BalerError)


@given(st.floats(min_value=5e-324, max_value=1.7e308))
def test_the_text_of_a_bound_gives_the_same_bound(value):
    bound = ErrorBound("abs", value)
    assert ErrorBound.parse(str(bound)) == bound
    assert eval(repr(bound)) == bound


def test_range_means_the_finite_values_without_fill_values():
    data = np.array([1, 2, np.nan, np.inf, 5, 1e20, 1e20], "f4")
    assert ErrorBound.parse("range=0.1").resolve(data) == ErrorBound("abs", 0.4)
    assert ErrorBound.parse("range=0.1").resolve(np.array([1.0, 3.0, 7.0]), fill_value=7.0) == ErrorBound("abs", 0.2)
    assert ErrorBound.parse("range=0.5").resolve(np.array([-999, 1, 2, 3])) == ErrorBound("abs", 1.0)


def test_a_heavy_tail_is_not_mistaken_for_fill_values():
    data = np.concatenate([np.linspace(3, 20, 100), [1351.0]])
    assert ErrorBound.parse("range=0.01").resolve(data).value == pytest.approx(13.48)


@pytest.mark.parametrize("data", [np.full(5, 3.5), np.full(5, np.nan), np.empty(0), np.array([1e20, 1e20])])
def test_constant_and_empty_data_become_exact(data):
    assert ErrorBound.parse("range=0.1").resolve(data) == ErrorBound("exact")


def test_the_range_of_huge_data_does_not_overflow():
    bound = ErrorBound.parse("range=1e-3").resolve(np.array([-1.7e308, 1.7e308]))
    assert bound.kind == "abs" and math.isfinite(bound.value)


@pytest.mark.parametrize("dtype", ["c16", "?", "S3", "M8[s]", "O", "V4", [("a", "f4")]])
def test_bounds_have_no_meaning_for_what_is_not_numbers(dtype):
    with pytest.raises(DTypeError, match="no meaning"):
        ErrorBound.parse("abs=1").require(dtype)
    ErrorBound.parse("exact").require(dtype)


def test_check_wants_nan_inf_and_minus_zero_bit_for_bit():
    payload = np.array([0x7FC00001, 0x7FC00000], "u4").view("f4")
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, payload[0]], "f4")
    bound = ErrorBound.parse("abs=1")
    assert bound.check(x, x.copy()).all()
    y = np.array([0.0, 1e38, -1e38, 0.0, -0.0, payload[1]], "f4")
    assert bound.check(x, y).tolist() == [False, False, False, False, True, False]
    finite = np.array([1.0, 2.0], "f4")
    assert not bound.check(finite, np.array([np.nan, np.inf], "f4")).any()


def test_check_knows_the_edge_of_the_bound():
    x = np.zeros(3) + 1.0
    assert ErrorBound("abs", 0.5).check(x, [1.5, np.nextafter(1.5, 2), 0.5]).tolist() == [True, False, True]
    assert ErrorBound("pw_rel", 0.5).check([-4.0, -4.0, 0.0], [-6.0, -6.1, 1e-300]).tolist() == [True, False, False]
    assert ErrorBound("exact").check(np.array([0.0, 1.0]), np.array([-0.0, 1.0])).tolist() == [False, True]
    assert ErrorBound("latent").check(x, x + 100).all()


def test_check_of_integers_does_not_round():
    top = np.array([2**63 - 1, -(2**63), 2**63 - 1], "i8")
    far = np.array([2**63 - 3, 2**63 - 1, -(2**63)], "i8")
    assert ErrorBound("abs", 2.9).check(top, far).tolist() == [True, False, False]
    assert ErrorBound("abs", 1.0).check(np.array([2**64 - 1], "u8"), np.array([2**64 - 3], "u8")).tolist() == [False]
    tenth = ErrorBound("pw_rel", 0.1)
    assert tenth.check(np.array([-100, 100, 0]), np.array([-110, 89, 0])).tolist() == [True, False, True]


def test_check_compares_values_of_either_byte_order():
    x = np.arange(4.0)
    assert ErrorBound("exact").check(x, x.astype(">f8")).all()


def test_check_refuses_what_it_cannot_compare():
    with pytest.raises(ShapeError, match="must agree"):
        ErrorBound("exact").check(np.zeros(3), np.zeros(4))
    with pytest.raises(BoundError, match="resolve"):
        ErrorBound("range", 0.1).check(np.zeros(3), np.zeros(3))
