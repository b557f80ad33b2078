"""Settings: what Baler(model, bound=…, stable=…) means."""

import json
import pickle

import numpy as np
import pytest

from baler_codec import ErrorBound, Model
from baler_codec.errors import BoundError, ConfigError, DTypeError, ModelNotFoundError, ShapeError
from baler_codec.settings import resolve


def test_nothing_said_is_lossless():
    settings = resolve()
    assert settings.bound == ErrorBound("exact") and settings.model is None and settings.stable and settings.lossless


def test_one_bound_needs_no_model():
    settings = resolve(bound="abs=1e-3", stable=False)
    assert (settings.model, settings.bound, settings.stable) == (None, ErrorBound("abs", 1e-3), False)


def test_bounds_by_position_travel_in_a_model():
    settings = resolve(bound=["abs=1", "exact"])
    assert settings.bound is None and settings.model.bounds == (ErrorBound("abs", 1.0), ErrorBound("exact"))
    assert settings.model_id == settings.model.id


def test_a_model_with_a_bound_is_another_model():
    model = Model.bounds_only(["exact", "exact"], ["a", "b"])
    assert resolve(model).model is model
    assert resolve(model, {"b": "abs=1"}).model.bounds == (ErrorBound("exact"), ErrorBound("abs", 1.0))


def test_range_is_resolved_for_each_column_of_a_table():
    table = np.array([[0.0, 0.0, 7.0], [1.0, 10.0, 7.0]])
    settings = resolve(bound="range=0.1", data=table)
    assert [str(b) for b in settings.bounds] == ["abs=0.1", "abs=1.0", "exact"]
    assert resolve(bound=["range=0.1", "exact", "abs=2"], data=table).bounds[0] == ErrorBound("abs", 0.1)


def test_range_of_a_grid_is_one_bound():
    assert resolve(bound="range=0.1", data=np.arange(27.0).reshape(3, 3, 3)).bound == ErrorBound("abs", 2.6)
    assert resolve(bound="range=0.1", data=np.arange(11.0)).bound == ErrorBound("abs", 1.0)


def test_columns_of_equal_range_need_no_model():
    assert resolve(bound="range=0.1", data=np.array([[0.0, 2.0], [1.0, 3.0]])).model is None


@pytest.mark.parametrize("bound", ["range=1e-3", ["range=1e-3", "exact"]])
def test_range_without_data_says_what_to_do(bound):
    with pytest.raises(BoundError, match="data="):
        resolve(bound=bound)


def test_latent_without_a_model_says_what_to_do():
    with pytest.raises(BoundError, match="autoencoder"):
        resolve(bound="latent")


def test_names_without_a_model_say_what_to_do():
    with pytest.raises(BoundError, match="by position"):
        resolve(bound={"pt": "abs=1"})


def test_stable_is_a_boolean():
    with pytest.raises(ConfigError, match="stable"):
        resolve(stable="no")


def test_a_missing_model_file_is_named():
    with pytest.raises(ModelNotFoundError, match=r"nowhere\.baler"):
        resolve("nowhere.baler")


def test_chunks_that_do_not_fit_are_refused_by_name():
    settings = resolve(bound=["abs=1", "exact"])
    settings.check(np.dtype("f4"), (10, 2))
    with pytest.raises(ShapeError, match="2 columns"):
        settings.check(np.dtype("f4"), (10, 3))
    with pytest.raises(DTypeError, match="real numbers"):
        settings.check(np.dtype("c8"), (10, 2))
    with pytest.raises(DTypeError, match="objects"):
        resolve().check(np.dtype("O"), (3,))


def test_attributes_are_strings_that_tell_how_to_read():
    model = Model.bounds_only(["abs=1", "exact"], ["a", "b"])
    attributes = resolve(model).attributes(achieved="abs=0.5")
    assert all(isinstance(v, str) for v in attributes.values())
    assert attributes["baler_model"] == model.id
    story = json.loads(attributes["baler_compression"])
    assert story["bound"] == {"a": "abs=1.0", "b": "exact"}
    assert story["read_with"] == "pip install baler-codec" and story["achieved_error"] == "abs=0.5"
    assert "baler_model" not in resolve(bound="abs=1").attributes()


def test_settings_are_values():
    assert resolve(bound="abs=1") == resolve(bound="abs=1.0") != resolve(bound="abs=2")
    settings = resolve(bound=["abs=1", "exact"])
    assert pickle.loads(pickle.dumps(settings)) == settings and len({settings, resolve(bound=["abs=1", "exact"])}) == 1
