"""Bounds as people type them."""

import pytest

from baler_codec.bound import ErrorBound
from baler_codec.cli.bounds import parse
from baler_codec.errors import BoundError

NAMES = ("pt", "eta", "phi", "nMuon")


def test_one_bound_for_all():
    assert parse("abs=1e-3", NAMES) == ErrorBound("abs", 1e-3)
    assert parse("exact", ()) == ErrorBound("exact")


def test_by_name_pattern_and_rest():
    found = parse("e*=abs=0.5, eta=abs=1e-3,pt=pw_rel=1e-3,*=exact", NAMES)
    assert {name: str(bound) for name, bound in found.items()} == {
        "pt": "pw_rel=0.001",
        "eta": "abs=0.001",
        "phi": "exact",
        "nMuon": "exact",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("pt=abs=1", "no bound for column 'eta'"),
        ("pT=abs=1,*=exact", "not there: pT"),
        ("pt=abs=1,pt=exact,*=exact", "two bounds for 'pt'"),
        ("pt", "cannot read 'pt'"),
        ("pt=rel=1,*=exact", "unknown kind 'rel'"),
        ("pt=abs=x,*=exact", "'x'"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(BoundError, match=message):
        parse(text, NAMES)


def test_names_need_columns():
    with pytest.raises(BoundError, match="no columns"):
        parse("pt=abs=1,*=exact", ())
