"""Training for frames: patches are cut and put together the same way everywhere, and few integers hold much."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

import twin

import baler_codec as baler
from baler_codec import native
from baler_codec.errors import ShapeError
from baler_codec.training import patches

if not native.library_path().exists():
    pytest.skip(f"the native library is not built: {native.library_path()}", allow_module_level=True)


def drift(frames: int, dtype: str = "f4") -> npt.NDArray[Any]:
    """Frames of a smooth pattern that moves slowly."""
    y, x = np.mgrid[:26, :21] / 7.0
    field = np.array(
        [np.sin(x + 0.05 * t) * np.cos(y - 0.03 * t) + 0.3 * np.sin(2 * x - y + 0.1 * t) for t in range(frames)]
    )
    return (100 * (field + 2)).astype(dtype)


def train(array: npt.NDArray[Any], **settings: Any) -> baler.Model:
    return baler.train(array, kind="grid", bound="latent", progress=False, **({"latent": 6, "steps": 150} | settings))


@pytest.mark.parametrize(("dtype", "frames_only"), [("f4", False), ("u2", False), ("f4", True)])
def test_frames_not_seen_come_back_nearly_from_a_few_integers(dtype, frames_only):
    x = drift(24, dtype)
    model = train(x[:16], patch=(8, 8), steps=400)
    assert model.patch == (8, 8) and model.latents == 6 and len(model) < 65536
    test = x[20] if frames_only else x[16:]
    frame = bytes(baler.Baler(model).encode(test))
    y = np.asarray(baler.Baler(model).decode(frame)).reshape(test.shape)
    assert np.array_equal(y, twin.decode(frame, bytes(model)))
    error = float(np.sqrt(np.mean((y.astype(float) - test) ** 2)))
    assert error < 0.25 * float(test.std()) and len(frame) < test.nbytes / 8


def test_the_same_seed_and_steps_give_the_same_model():
    x = drift(6)
    assert train(x, patch=(4, 4), steps=20).id == train(x, patch=(4, 4), steps=20).id


def test_auto_says_what_every_size_of_patches_costs():
    model = train(drift(10), steps=100)
    race = model.metrics["bits_per_value_of_race_by_patch"]
    assert set(race) >= {"4x4", "8x8"} and "x".join(map(str, model.patch)) == min(race, key=race.get)


@pytest.mark.parametrize(
    "array", [np.full((3, 9, 9), 7.0, "f4"), np.full((2, 8, 8), np.nan, "f4"), np.zeros((1, 1), "u1")]
)
def test_poor_arrays_give_models_that_work(array):
    model = train(array, patch=(4, 4), latent=1, steps=5)
    y = np.asarray(baler.Baler(model).decode(baler.Baler(model).encode(array))).reshape(array.shape)
    assert np.isfinite(y).all() or np.array_equal(y, array, equal_nan=True)


@pytest.mark.parametrize("fastest", [False, True])
def test_patches_are_cut_as_the_format_says(fastest):
    x = np.arange(2 * 5 * 7).reshape(2, 5, 7)
    rows = patches.cut(x, (2, 4), fastest)
    assert rows.shape == (2 * 3 * 2, 8)
    frame, tile = (1, 5)
    expected = x[1, [4, 4]][:, [4, 5, 6, 6]].ravel()  # the last row and column again beyond the edge
    assert np.array_equal(rows[tile * 2 + frame if fastest else frame * 6 + tile], expected)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"latent": "auto"}, ValueError, "number"),
        ({"latent": 65}, ValueError, "number"),
        ({"patch": (64, 64)}, ShapeError, "1024"),
        ({"patch": "best"}, ValueError, "auto"),
        ({"chunks": (1, 26, 21)}, ValueError, "chunks"),
        ({"steps": 1, "time_budget": 1.0}, ValueError, "not both"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, error, text):
    with pytest.raises(error, match=text):
        train(drift(3), **settings)
    with pytest.raises(ValueError, match="patch="):
        baler.train(drift(3), kind="grid", bound="abs=1", patch=(4, 4))
