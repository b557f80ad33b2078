"""Whatever the table is: training gives a model that codes it within the bound, and gives the same one again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

import baler_codec as baler
from baler_codec import native
from baler_codec.errors import BalerError, DTypeError, ShapeError

if not native.library_path().exists():
    pytest.skip(f"the native library is not built: {native.library_path()}", allow_module_level=True)


def normal(rows: int, columns: int = 3, dtype: str = "f4", seed: int = 0) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(dtype)


def with_holes() -> npt.NDArray[Any]:
    x = normal(300)
    x[::7, 0], x[:, 1] = np.nan, np.nan
    x[3, 2], x[5, 2], x[6, 2] = np.inf, -0.0, -np.inf
    return x


def with_outliers() -> npt.NDArray[Any]:
    x = normal(300, 3, "f8")
    x[4, 0], x[7, 1], x[:, 2] = 1e300, -1e30, x[:, 2] * 1e-200
    return x


def events() -> npt.NDArray[Any]:
    x = np.repeat(normal(60), 9, axis=0)
    x[:, 2] = normal(540, 1, seed=1)[:, 0]
    return x


G = np.random.default_rng(5)
TABLES: dict[str, npt.NDArray[Any]] = {
    "one row": normal(1),
    "two rows": normal(2),
    "ten rows": normal(10),
    "one column": normal(400, 1),
    "one axis": normal(400, 1)[:, 0],
    "zeros": np.zeros((200, 3), "f4"),
    "constant column": np.column_stack([normal(200, 2), np.full((200, 1), 7, "f4")]),
    "copies": np.column_stack([normal(300), normal(300)[:, :1]]),
    "holes": with_holes(),
    "outliers": with_outliers(),
    "events": events(),
    "wide": np.cumsum(normal(150, 70), axis=1),
    "counts": G.poisson(3, (400, 3)).astype("i4"),
    "bytes": G.integers(0, 255, (300, 2)).astype("u1"),
    "large integers": G.integers(-(2**62), 2**62, (200, 2)),
    "float16": normal(300, 2, "f2"),
    "big-endian": normal(200, 2, ">f4"),
    "far from zero": normal(200, 2, "f8") + 1.6e9,
    "tiny": normal(200, 2) * np.float32(1e-42),
}


def check(model: baler.Model, x: npt.NDArray[Any]) -> native.Frame:
    codec = baler.Baler(model)
    frame = codec.encode(np.ascontiguousarray(x))
    y = np.frombuffer(codec.decode(frame), x.dtype).reshape(x.shape)
    flat, back = x.reshape(len(x), -1), y.reshape(len(x), -1)
    for i, bound in enumerate(model.bounds):
        assert bound.check(flat[:, i], back[:, i]).all(), (i, bound)
    return native.frame_info(np.frombuffer(frame, np.uint8))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("bound", [None, "abs=1e-2", "pw_rel=1e-2"])
def test_any_table_trains_and_round_trips(name: str, bound: str | None) -> None:
    model = baler.train(TABLES[name], bound=bound, latent=0, steps=20, progress=False)
    model.native()
    check(model, TABLES[name])


@pytest.mark.parametrize("name", ["ten rows", "holes", "events", "counts", "zeros", "outliers"])
def test_an_autoencoder_trains_on_any_table(name: str) -> None:
    x = TABLES[name]
    model = baler.train(x, bound="range=1e-2", latent=2, hidden=(8, 8), steps=30, progress=False)
    check(model, x)
    if model.latents:
        codec = baler.Baler(model.with_bound("latent"))
        y = np.frombuffer(codec.decode(codec.encode(x)), x.dtype).reshape(x.shape)
        assert np.isfinite(y[np.isfinite(x)]).all()
        np.testing.assert_array_equal(np.isnan(x), np.isnan(y))


def test_a_trained_model_is_used_and_pays() -> None:
    g = np.random.default_rng(7)
    a = g.gamma(2.0, 5.0, 6000)
    b = a * np.exp(0.05 * g.normal(size=6000))
    c = np.sqrt(a * a + b * b) * (1 + 1e-3 * g.normal(size=6000))
    x = np.stack([a, b, c], 1).astype("f4")
    model = baler.train(
        x, ["a", "b", "c"], "pw_rel=1e-3", 0, hints={"c": "sqrt(a*a + b*b)"}, steps=400, width=8, progress=False
    )
    frame = check(model, x)
    assert frame.mode == "model"
    built_in = len(baler.Baler(bound="pw_rel=1e-3").encode(x))
    assert frame.frame_bytes < 0.95 * built_in
    # the measured bits are those that the file really takes
    assert 8 * frame.frame_bytes / len(x) == pytest.approx(model.metrics["bits_per_row"], rel=0.05)


def test_the_same_seed_and_steps_give_the_same_model() -> None:
    x = normal(500)
    settings: dict[str, Any] = {"bound": "abs=1e-3", "latent": 1, "hidden": (4,), "steps": 40, "progress": False}
    first, second = (baler.train(x, seed=3, **settings) for _ in range(2))
    assert first.id == second.id
    assert baler.train(x, seed=4, **settings).id != first.id


def test_a_time_budget_is_kept_and_recorded() -> None:
    model = baler.train(normal(300), bound="abs=1e-3", latent=0, time_budget=0.5, progress=False)
    assert model.provenance["steps"] >= 0
    assert model.meta["ranges"] and json.dumps(model.provenance)


@pytest.mark.parametrize(
    ("settings", "error", "complaint"),
    [
        ({"array": np.zeros((0, 3))}, ShapeError, "at least one row"),
        ({"array": np.zeros((2, 3, 4))}, ShapeError, "rows × columns"),
        ({"array": np.zeros((4, 2), complex)}, DTypeError, "complex"),
        ({"columns": ["a", "a", "b"]}, ShapeError, "different"),
        ({"bound": {"zz": "exact"}}, BalerError, "zz"),
        ({"bound": "latent", "latent": 0}, ValueError, "autoencoder"),
        ({"latent": -1}, ValueError, "latent"),
        ({"steps": 5, "time_budget": 3.0}, ValueError, "not both"),
        ({"hints": ["q = 1"]}, ValueError, "q"),
        ({"order": ["q"]}, ValueError, "q"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], error: type[Exception], complaint: str) -> None:
    given: dict[str, Any] = {"array": normal(50), "steps": 5} | settings
    if "time_budget" not in given:
        given["progress"] = False
    with pytest.raises(error, match=complaint):
        baler.train(given.pop("array"), **given)
