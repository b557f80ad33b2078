"""Hints are formulas of other columns, and say what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

from baler_codec.training.hints import parse, parse_all

NAMES = ["pt", "eta", "m", "a", "b", "jet.area", "my col"]
VALUES = {i: np.linspace(1.0 + i, 2.0 + i, 5) for i in range(len(NAMES))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pt = a + b", lambda v: v[3] + v[4]),
        ("pt = sqrt((a + b)**2 - m**2) / cosh(eta)", lambda v: np.sqrt((v[3] + v[4]) ** 2 - v[2] ** 2) / np.cosh(v[1])),
        ("pt = -a * 2.5e-1 - min(m, b, eta)", lambda v: -v[3] * 0.25 - np.minimum(np.minimum(v[2], v[4]), v[1])),
        ("pt = jet.area / col('my col')", lambda v: v[5] / v[6]),
        ("pt = exp(log(a)) + abs(sin(b)) * cos(b) + sinh(eta)", None),
        ("pt = a ** 0.5", lambda v: np.sqrt(v[3])),
    ],
)
def test_a_formula_computes_what_it_says(text: str, expected: object) -> None:
    hint = parse(text, NAMES)
    result = hint(VALUES, {}, 5)
    if expected is None:
        v = VALUES
        expected_values = v[3] + np.abs(np.sin(v[4])) * np.cos(v[4]) + np.sinh(v[1])
    else:
        expected_values = expected(VALUES)  # type: ignore[operator]
    np.testing.assert_allclose(result, expected_values, rtol=1e-12)
    assert hint.variable == 0


def test_a_formula_may_look_at_the_row_before() -> None:
    hint = parse("pt = prev(pt) + a", NAMES)
    assert hint.sources == [3] and hint.sources_before == [0]
    np.testing.assert_allclose(hint({3: np.ones(3)}, {0: np.arange(3.0)}, 3), [1, 2, 3])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pt = nope + 1", "nope"),
        ("pt = pt + 1", "itself"),
        ("pt == 1", "column = formula"),
        ("pt = a ** 2.7", "power"),
        ("pt = __import__('os')", "no function"),
        ("pt = a if b else m", "not part"),
        ("pt = (", "not a formula"),
        ("pt = " + "(" * 40 + "a" + " + a)" * 40 + " + " + " + ".join(["a"] * 120), "operations"),
    ],
)
def test_a_wrong_formula_is_refused_with_its_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text, NAMES)


def test_a_column_has_one_hint() -> None:
    with pytest.raises(ValueError, match="more than one"):
        parse_all(["pt = a", "pt = b"], NAMES)
    assert [h.variable for h in parse_all({"pt": "a", "my col": "b"}, NAMES)] == [0, 6]
