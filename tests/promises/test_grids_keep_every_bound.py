"""Guarantees 1, 3 and 4 for fields, images, volumes and series; what `stable=False` gives up and what it does not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import baler_codec as baler
from baler_codec import Baler, ErrorBound
from baler_codec.cli import run

from .fields import KINDS, fields, frame_of, make_field
from .hard_arrays import FLOATS, INTEGERS, assert_inside, bits, bounds

FAST = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
LOOSE = st.sampled_from(["abs=0.003", "abs=0.1", "abs=1.5", "abs=40", "pw_rel=1e-2", "pw_rel=1e-4"])


@FAST
@given(array=fields(FLOATS + INTEGERS), bound=st.one_of(bounds(), LOOSE.map(ErrorBound.parse)))
def test_any_field_is_inside_and_encoded_again_the_same(array, bound):
    codec = Baler(bound=bound)
    frame = codec.encode(array)
    assert frame_of(frame).stable
    decoded = codec.decode(frame)
    assert_inside(array, decoded, bound)
    assert codec.encode(decoded) == frame


@FAST
@given(array=fields(FLOATS + INTEGERS), bound=st.one_of(bounds(), LOOSE.map(ErrorBound.parse)))
def test_any_field_written_once_is_inside(array, bound):
    codec = Baler(bound=bound, stable=False)
    frame = codec.encode(array)
    decoded = codec.decode(frame)
    assert_inside(array, decoded, bound)
    if frame_of(frame).stable:
        np.testing.assert_array_equal(bits(decoded), bits(Baler(bound=bound).decode(Baler(bound=bound).encode(array))))


def test_the_grid_coder_is_what_codes_grids():
    """Otherwise these tests have lost their subject."""
    modes = [
        frame_of(Baler(bound=bound).encode(make_field(1, dtype, shape, kind))).mode
        for dtype in ("f4", "f8", "i2")
        for bound in ("abs=0.01", "abs=1.5")
        for shape in ((3000,), (50, 60), (12, 16, 17), (3, 5, 14, 15))
        for kind in ("smooth", "rough", "steps")
    ]
    assert modes.count("grid") >= len(modes) // 2


LARGE = {"f4": (100, 120), "f8": (20, 30, 25), "i2": (3, 10, 30, 20), "u1": (90, 130)}


@pytest.mark.parametrize("dtype", LARGE)
@pytest.mark.parametrize("kind", KINDS)
def test_larger_fields(dtype, kind):
    """Large enough for lanes, fitted weights, maps and samples of the encoder."""
    for bound in ("abs=0.02", "exact"):
        array = make_field(5, dtype, LARGE[dtype], kind, "nan" if kind == "smooth" else "none")
        codec = Baler(bound=bound)
        frame = codec.encode(array)
        decoded = codec.decode(frame)
        assert_inside(array, decoded, ErrorBound.parse(bound))
        assert codec.encode(decoded) == frame
        once = Baler(bound=bound, stable=False)
        assert_inside(array, once.decode(once.encode(array)), ErrorBound.parse(bound))


# stable=False -------------------------------------------------------------------------------------------------------
def test_written_once_is_smaller_on_smooth_fields_and_says_so():
    array = make_field(0, "f4", (120, 130))
    bound = "abs=0.1"
    frame = Baler(bound=bound, stable=False).encode(array)
    info = frame_of(frame)
    assert info.mode == "grid" and not info.stable
    assert len(frame) < len(Baler(bound=bound).encode(array))


@pytest.mark.parametrize("stable", [True, False])
def test_inspect_says_whether_a_file_is_stable(stable, tmp_path, capsys):
    h5py = pytest.importorskip("h5py")
    array = make_field(0, "f4", (120, 130))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        settings = baler.hdf5.Baler(bound="abs=0.1", stable=stable)
        file.create_dataset("a", data=array, chunks=(120, 130), **settings)
    assert run(["inspect", f"{tmp_path / 'a.h5'}:/a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stable"] is stable


@pytest.mark.parametrize("fill", [np.nan, 1e20, -999.0, -9999.0, np.inf])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_fills_and_exact_values_never_move(fill, dtype):
    """Whatever is allowed to move inside its bound, a fill value comes back as itself."""
    array = make_field(2, dtype, (60, 70))
    where = make_field(3, "f4", (60, 70)) > 5
    array[where] = fill
    array[3, 4], array[5, 6] = -0.0, np.inf
    for stable in (True, False):
        codec = Baler(bound="abs=0.05", stable=stable)
        decoded = codec.decode(codec.encode(array))
        np.testing.assert_array_equal(bits(decoded[where]), bits(array[where]))
        assert np.signbit(decoded[3, 4]) and decoded[5, 6] == np.inf
    exact = Baler(bound="exact", stable=False)
    frame = exact.encode(array)
    assert frame_of(frame).stable, "exact values cannot move"
    np.testing.assert_array_equal(bits(exact.decode(frame)), bits(array))


# Small things ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1"])
@pytest.mark.parametrize("shape", [(1 << 18,), (512, 512), (16, 64, 64)])
def test_constant_chunks_take_tens_of_bytes(dtype, shape):
    for value in (0, 7, 100):
        for bound in ("exact", "abs=0.01"):
            for stable in (True, False):
                assert len(Baler(bound=bound, stable=stable).encode(np.full(shape, value, dtype))) < 150


@pytest.mark.parametrize("value", [np.nan, 1e20, -0.0, np.inf])
def test_chunks_of_nothing_but_fill_take_tens_of_bytes(value):
    array = np.full((256, 256), value, "f4")
    for bound in ("exact", "abs=0.01", "pw_rel=1e-3"):
        frame = Baler(bound=bound).encode(array)
        assert len(frame) < 150
        decoded = Baler().decode(frame)
        assert_inside(array, decoded, ErrorBound.parse(bound))
        if bound[:2] != "pw":
            np.testing.assert_array_equal(bits(decoded), bits(array))


def test_partial_writes_into_a_grid_keep_all_other_values(tmp_path):
    zarr = pytest.importorskip("zarr")
    rng = np.random.default_rng(0)
    truth = make_field(1, "f4", (40, 50), "rough", "nan")
    stored = zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=truth.shape,
        chunks=truth.shape,
        dtype="f4",
        serializer=baler.zarr.BalerCodec(bound="abs=0.01"),
        compressors=None,
    )
    stored[...] = truth
    now = stored[...]
    for i in range(30):
        y, x = (int(v) for v in rng.integers(0, 36, 2))
        truth[y : y + 4, x : x + 4] = stored[y : y + 4, x : x + 4] = make_field(i, "f4", (4, 4), "noise")
        after = stored[...]
        now[y : y + 4, x : x + 4] = after[y : y + 4, x : x + 4]
        np.testing.assert_array_equal(bits(after), bits(now), f"write {i} moved a value outside of it")
    assert_inside(truth, now, ErrorBound.parse("abs=0.01"))
