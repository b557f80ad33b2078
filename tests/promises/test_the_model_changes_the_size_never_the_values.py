"""Guarantee 2: whatever the model, the values that are read are the same."""

from __future__ import annotations

import dataclasses

import models
import numpy as np
import pytest

from baler_codec import Baler, Model, native

from .hard_arrays import assert_inside, bits, make
from .samples import random_case

BOUNDS = [(models.EXACT, 0.0), (models.ABS, 0.01), (models.ABS, 3.0), (models.PW_REL, 1e-3), (models.PW_REL, 0.2)]


def decoded(codec: Baler, array: np.ndarray) -> np.ndarray:
    return bits(codec.decode(codec.encode(array)))


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "u1"])
def test_random_models_and_none(dtype, bound):
    """Data from anywhere, three models that know nothing of them, and the built-in one."""
    array = make(5, dtype, (700, 3), 0.05)
    plain = models.Model(bounds=[bound])
    expected = decoded(Baler(Model.from_bytes(plain.pack())), array)
    kind = ("exact", "abs", "pw_rel")[bound[0]]
    built_in = Baler(bound=kind if kind == "exact" else f"{kind}={bound[1]!r}")
    np.testing.assert_array_equal(decoded(built_in, array), expected)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        other = make(seed + 50, dtype, (200, 3), 0.0)
        model = models.random_model(rng, other, [bound], n_latents=seed)
        np.testing.assert_array_equal(decoded(Baler(Model.from_bytes(model.pack())), array), expected)


@pytest.mark.parametrize("seed", range(8))
def test_data_that_one_model_loves_and_another_does_not(seed):
    """The model's own mode against modes that fall back, column by column bounds included."""
    dtype = ("f4", "i4", "f8", "f2")[seed % 4]
    model, table, _ = random_case(seed, dtype, 600)
    packed = model.pack()
    codec = Baler(Model.from_bytes(packed))
    columns = range(table.shape[1])
    bounds = [model.bounds[c if len(model.bounds) > 1 else 0] for c in columns]
    without = Baler(Model.from_bytes(models.Model(bounds=bounds).pack()))
    expected = decoded(without, table)
    np.testing.assert_array_equal(decoded(codec, table), expected)
    # stale: the same networks after the data have moved on
    stale = np.roll(table, 1, axis=1)
    stale[::3] = np.array(1, dtype)
    np.testing.assert_array_equal(decoded(codec, stale), decoded(without, stale))


def test_networks_of_noise_beside_trained_ones():
    """One weight after another set to nonsense: sizes move, values do not."""
    model, table, _ = random_case(2, "f4", 400)
    expected = decoded(Baler(Model.from_bytes(model.pack())), table)
    sizes = set()
    rng = np.random.default_rng(0)
    for variable in model.nets:
        changed = dict(model.nets)
        layers = [dataclasses.replace(x, weight=rng.permutation(x.weight.ravel()).reshape(x.weight.shape), bias=-x.bias)
                  for x in changed[variable].layers]  # fmt: skip
        changed[variable] = dataclasses.replace(changed[variable], layers=layers)
        codec = Baler(Model.from_bytes(dataclasses.replace(model, nets=changed).pack()))
        sizes.add(len(codec.encode(table)))
        np.testing.assert_array_equal(decoded(codec, table), expected)
    assert len(sizes) > 1


@pytest.mark.parametrize("unit", [0.25, 0.01, 3.0])
def test_the_data_lattice_is_kept_whatever_the_network(unit):
    """A unit is part of what values become; the rest of the model is not."""
    rng = np.random.default_rng(1)
    table = (rng.integers(-500, 500, (900, 2)) * unit).astype("f8")
    found = []
    for seed in range(4):
        model = models.random_model(np.random.default_rng(seed), table, [(models.ABS, 2.0 * unit)])
        with_unit = [v if v.derived else dataclasses.replace(v, unit=unit) for v in model.variables]
        model = dataclasses.replace(model, variables=with_unit)
        found.append(decoded(Baler(Model.from_bytes(model.pack())), table))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_latents_of_any_encoder_give_the_same_values():
    """The decoder is law, the encoder is free: latents may come from anywhere."""
    model, table, drawn = random_case(13, "f4", 300, n_latents=3)
    handle = native.NativeModel(model.pack())
    assert handle.shape[1] == 3
    expected = None
    rng = np.random.default_rng(0)
    wild = [rng.integers(-(10**e), 10**e, (len(table), 3)).astype(np.int32) for e in (0, 1, 3, 9)]
    for latents in (None, drawn, *wild):
        frame = np.frombuffer(native.encode(table, model=handle, latents=latents), np.uint8)
        out = np.empty_like(table)
        native.decode(frame, out, model=handle)
        expected = bits(out) if expected is None else expected
        np.testing.assert_array_equal(bits(out), expected)


def test_a_model_for_other_tables_does_no_harm():
    """Chunks that the model does not fit are coded without it, inside the bound that all its columns share."""
    model, _, _ = random_case(4, "f4", 100)
    model = model.with_bounds([(models.ABS, 0.01)])
    handle = native.NativeModel(model.pack())
    for shape in [(50, len(model.variables) + 1), (40, 3, 2), (70,), ()]:
        array = make(1, "f4", shape, 0.1)
        frame = np.frombuffer(native.encode(array, model=handle), np.uint8)
        out = np.empty_like(array)
        native.decode(frame, out, model=handle)
        assert_inside(array, out, native.ErrorBound("abs", 0.01))
