"""What the analysis of a table finds: relations, units, spikes, repeats, hints."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

from baler_codec.training import hint_search, relations
from baler_codec.training.prepare import Table, analyse


def table(array: np.ndarray) -> Table:
    return analyse(array, [f"c{i}" for i in range(array.shape[1])])


def test_sums_copies_and_constants_are_found() -> None:
    g = np.random.default_rng(1)
    a, b, c = (g.gamma(2.0, 10.0, 4000).astype("f4") for _ in range(3))
    # the sum comes first in the file, the parts are coded nevertheless
    t = table(np.stack([a + b, a, b, c, c, np.full_like(a, 3.5), 2 * a + 1], 1))
    found = relations.find(t)
    assert found[5] == (3.5, [])
    assert found[0][1] == [(1, 1.0), (2, 1.0)]
    assert {3, 4} & set(found)
    assert found[6][0] == 1.0 and found[6][1] == [(1, 2.0)]
    assert len(found) == 4


def test_what_only_nearly_holds_is_no_relation() -> None:
    g = np.random.default_rng(2)
    a, b = (g.normal(size=4000) for _ in range(2))
    assert relations.find(table(np.stack([a, b, a + b + 1e-4 * g.normal(size=4000)], 1))) == {}


def test_units_spikes_and_repeats_are_found() -> None:
    g = np.random.default_rng(3)
    area = (g.integers(50, 120, 5000) * 0.0099733).astype("f4")
    count = g.poisson(3.0, 5000).astype("f4")
    energy = np.where(g.random(5000) < 0.3, 0.0, g.gamma(2.0, 5.0, 5000)).astype("f4")
    event = np.repeat(g.normal(size=500), 10).astype("f4")
    quarter = (g.integers(0, 4000, 5000) * 0.25).astype("f4")
    columns = table(np.stack([area, count, energy, event, quarter], 1)).columns
    assert columns[0].unit == pytest.approx(0.0099733, rel=1e-4) and columns[0].noise < 1e-6
    assert columns[1].unit == 1.0
    assert columns[2].spike == 0.0 and columns[2].unit == 0.0
    assert [c.repeats for c in columns] == [False, False, False, True, False]
    assert columns[4].unit == 0.25


def test_a_simple_hint_is_found() -> None:
    g = np.random.default_rng(4)
    a, b = g.gamma(2.0, 10.0, 6000), g.normal(size=6000)
    product = a * b * (1 + 1e-3 * g.normal(size=6000))
    t = table(np.stack([a, b, product], 1))
    found = hint_search.search(t, relations.find(t), None)
    assert any(h.sources == [0, 1] and h.variable == 2 for h in found) or any(h.variable in (0, 1) for h in found)
    alone = table(g.normal(size=(6000, 3)))
    assert hint_search.search(alone, relations.find(alone), None) == []
