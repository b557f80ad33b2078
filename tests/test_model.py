"""Model: one byte string for one model, named by its sha256, with bounds that can be replaced."""

import contextlib
import copy
import hashlib
import pickle

import numpy as np
import pytest

from baler_codec import ErrorBound, Model
from baler_codec.errors import BalerError, BoundError, CorruptDataError, ShapeError, UnsupportedVersionError
from baler_codec.sections import join_sections, pack_bounds, pack_meta


@pytest.fixture
def model():
    return Model.bounds_only(["abs=0.5", "pw_rel=1e-3", "exact"], ["pt", "eta", "n"])


def with_ranges():
    meta = {"columns": [{"name": "a", "unit": "GeV"}, {"name": "b"}], "ranges": [[0, 10], [5, 5]]}
    bounds = [ErrorBound("exact"), ErrorBound("exact")]
    return Model.from_bytes(join_sections({"META": pack_meta(meta), "BNDS": pack_bounds(bounds)}))


def test_the_id_is_the_sha256_of_the_bytes(model):
    assert model.id == "sha256:" + hashlib.sha256(bytes(model)).hexdigest()


def test_what_went_in_comes_out(model):
    assert model.columns == ("pt", "eta", "n")
    assert model.bound == {"pt": ErrorBound("abs", 0.5), "eta": ErrorBound("pw_rel", 1e-3), "n": ErrorBound("exact")}
    assert (model.n_columns, model.latents, model.trained) == (3, 0, False)
    assert with_ranges().units == {"a": "GeV"}


def test_equal_bytes_are_one_object(model):
    assert Model.from_bytes(bytes(model)) is model
    assert pickle.loads(pickle.dumps(model)) is model
    assert copy.deepcopy(model) is model


def test_the_constructor_says_how_models_are_made():
    with pytest.raises(TypeError, match="from_bytes"):
        Model()


def test_a_saved_model_is_the_same_model(model, tmp_path):
    path = tmp_path / "m.baler"
    model.save(path)
    assert path.read_bytes() == bytes(model)
    assert [p.name for p in tmp_path.iterdir()] == ["m.baler"]


def test_saving_nowhere_leaves_nothing_behind(model, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        model.save(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_columns_that_are_not_named_keep_their_bound(model):
    other = model.with_bound({"eta": "abs=1"})
    assert other.bounds == (ErrorBound("abs", 0.5), ErrorBound("abs", 1.0), ErrorBound("exact"))
    assert other.id != model.id and other.columns == model.columns
    assert other.with_bound({"eta": "pw_rel=1e-3"}) is model


def test_a_star_stands_for_the_rest(model):
    assert model.with_bound({"pt": "exact", "*": "abs=2"}).bounds[1:] == (ErrorBound("abs", 2.0),) * 2
    assert model.with_bound("abs=2").bound == ErrorBound("abs", 2.0)
    assert model.with_bound(["exact"] * 3).bound == ErrorBound("exact")
    assert model.with_bound("abs=2").n_columns == 3


def test_unknown_columns_are_named_with_those_there_are(model):
    with pytest.raises(BoundError, match=r"phi.*pt, eta, n"):
        model.with_bound({"phi": "exact"})


def test_lists_must_have_one_bound_per_column(model):
    with pytest.raises(ShapeError, match="3 columns"):
        model.with_bound(["exact"])


def test_range_bounds_refer_to_the_training_data():
    assert with_ranges().with_bound("range=0.1").bounds == (ErrorBound("abs", 1.0), ErrorBound("exact"))


def test_range_bounds_refer_to_given_data(model):
    data = np.array([[0, 1, 2], [4, 3, 2]])
    assert [str(b) for b in model.with_bound("range=0.5", data=data).bounds] == ["abs=2.0", "abs=1.0", "exact"]
    with pytest.raises(BoundError, match="data="):
        model.with_bound("range=0.5")
    with pytest.raises(ShapeError, match="3 columns"):
        model.with_bound("range=0.5", data=data[:, :2])


@pytest.mark.parametrize("bound", ["latent", {"pt": "latent"}])
def test_latent_needs_an_autoencoder(model, bound):
    with pytest.raises(BoundError, match="latent"):
        model.with_bound(bound)


def test_bounds_only_refuses_what_it_cannot_hold():
    with pytest.raises(BoundError, match="data="):
        Model.bounds_only(["range=0.1"])
    with pytest.raises(BoundError, match="autoencoder"):
        Model.bounds_only(["latent"])
    with pytest.raises(ShapeError, match="1024"):
        Model.bounds_only([])
    with pytest.raises(ShapeError, match="column names"):
        Model.bounds_only(["exact"], ["a", "b"])
    with pytest.raises(BoundError, match="more than once: a"):
        Model.bounds_only(["exact"] * 2, ["a", "a"])


def test_every_truncation_is_noticed(model):
    raw = bytes(model)
    for n in range(len(raw)):
        with pytest.raises(BalerError):
            Model.from_bytes(raw[:n])
    with pytest.raises(CorruptDataError, match="follow"):
        Model.from_bytes(raw + b"x")


def test_every_flipped_byte_is_noticed_or_gives_another_model(model):
    raw = bytes(model)
    for i in range(len(raw)):
        for bit in (1, 0x80):
            damaged = bytearray(raw)
            damaged[i] ^= bit
            with contextlib.suppress(BalerError):
                assert Model.from_bytes(damaged).id != model.id


def test_a_newer_model_says_upgrade(model):
    raw = bytearray(bytes(model))
    raw[8] = 7
    with pytest.raises(UnsupportedVersionError, match=r"7.*upgrade"):
        Model.from_bytes(raw)


def test_the_repr_is_short(model):
    assert len(repr(model)) < 120
