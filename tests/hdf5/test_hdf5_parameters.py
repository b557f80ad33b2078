"""The filter's words: small, read back as what was written, and refused by name when they are not understood."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import baler_codec as baler
from baler_codec import hdf5
from baler_codec.hdf5._filter import USER_WORDS

BOUNDS = st.one_of(
    st.just("exact"),
    st.floats(1e-300, 1e300).map(lambda x: f"abs={x!r}"),
    st.floats(1e-12, 0.5).map(lambda x: f"pw_rel={x!r}"),
)


@given(bound=BOUNDS, stable=st.booleans())
def test_options_give_the_same_filter_back(bound: str, stable: bool) -> None:
    made = hdf5.Baler(bound=bound, stable=stable)
    assert len(made.filter_options) == USER_WORDS
    again = hdf5.Baler.from_filter_options((*made.filter_options, 102, 4, 0, 1, 7, 0, 0, 0))
    assert again == made and hash(again) == hash(made)
    assert hdf5.Baler(**made.get_config()) == made
    assert eval(repr(made), {"Baler": hdf5.Baler}) == made


@given(bounds=st.lists(BOUNDS, min_size=2, max_size=9))
def test_a_model_travels_by_its_sha256(bounds: list[str]) -> None:
    made = hdf5.Baler(bound=bounds)
    again = hdf5.Baler.from_filter_options(made.filter_options)
    assert again == made
    if made.model is not None:
        assert again.model == made.model
        assert bytes.fromhex(made.model.id[7:]) == np.array(made.filter_options[5:13], "<u4").tobytes()


def test_a_model_can_be_an_object_a_file_or_an_id(tmp_path: Path, model) -> None:
    model.save(tmp_path / "m.baler")
    assert hdf5.Baler(model) == hdf5.Baler(tmp_path / "m.baler") == hdf5.Baler(model.id)


def test_it_is_a_mapping_for_create_dataset(model) -> None:
    filter_ = hdf5.Baler(model)
    assert dict(filter_) == {"compression": 35745, "compression_opts": filter_.filter_options}


def test_without_words_the_filter_is_exact() -> None:
    assert hdf5.Baler.from_filter_options(()).get_config() == hdf5.Baler().get_config()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((1,), "layout version 1"),
        ((0, 4), "flags 0x4"),
        ((0, 2, 9), "bound kind 9"),
        ((0, 2, 3), "latent bound belongs to a model"),
        ((0, 2, 1, 0, 0), "must be a positive number"),
        ((0, 2, 1, 0, 0x7FF80000), "must be a positive number"),
        ((0, 2, 0, 0, 0x3FF00000), "exact bound has no value"),
        ((0, 3, 0, 0, 0, 1, 2), "too few"),
        ((0, 3, 1, 0, 0x3FF00000, *range(8)), "beside a model"),
        ((0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), "without a model"),
    ],
)
def test_words_that_are_not_understood_are_refused_by_name(tmp_path: Path, words: tuple[int, ...], text: str) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file, pytest.raises(ValueError, match=text):
        file.create_dataset("x", data=np.zeros(9), compression=hdf5.FILTER_ID, compression_opts=words)
    with pytest.raises(baler.BalerError):
        hdf5.Baler.from_filter_options(words)


def test_the_dataset_is_described_behind_the_users_words(tmp_path: Path) -> None:
    user = hdf5.Baler(bound="abs=0.5").filter_options
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for dtype, words in {"<f4": (102, 4, 0), ">i8": (105, 8, 1), "u1": (117, 1, 0), "S5": (86, 5, 0)}.items():
            dataset = file.create_dataset(
                dtype, (20, 30), dtype, chunks=(10, 15), compression=35745, compression_opts=user
            )
            code, _, stored, _ = dataset.id.get_create_plist().get_filter(0)
            assert code == 35745
            assert stored == (*user, *words, 2, 10, 15, 0, 0, 0)


def test_shuffle_before_a_lossy_filter_is_refused(tmp_path: Path, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for filter_ in (hdf5.Baler(bound="abs=1"), hdf5.Baler(model)):
            with pytest.raises(ValueError, match=r"shuffle.*comes before baler"):
                file.create_dataset("x", (9, 3), "f4", shuffle=True, **filter_)


def test_other_columns_than_the_models_are_refused(tmp_path: Path, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for shape, chunks in (((9, 2), (9, 2)), ((9, 3), (9, 1)), ((9, 3, 1), (9, 3, 1)), ((9,), (9,))):
            with pytest.raises(ValueError, match="model is for tables of 3 columns"):
                file.create_dataset("x", shape, "f4", chunks=chunks, **hdf5.Baler(model))


def test_a_missing_model_is_refused_when_the_dataset_is_created(tmp_path: Path) -> None:
    words = (0, 3, 0, 0, 0, *range(1, 9))
    with h5py.File(tmp_path / "t.h5", "w") as file:
        with pytest.raises(ValueError, match=r"sha256:0100000002000000.*was not found.*BALER_MODEL_PATH"):
            file.create_dataset("x", (9, 3), "f4", compression=35745, compression_opts=words)
        assert "x" not in file
    assert "was not found" in hdf5.last_error()
