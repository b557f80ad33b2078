"""Trained models through the codecs: the network changes the size, never the promise."""

import json

import numpy as np
import pytest
from models import ABS, EXACT, LATENT, PW_REL, random_model

from baler_codec import Baler, ErrorBound, Model, native
from baler_codec.errors import BalerError, BoundError, ShapeError

BOUNDS = [(ABS, 0.01), (PW_REL, 1e-3), (EXACT, 0.0), (ABS, 0.5)]


def table(seed, rows=3000):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 3, (rows, 4)).astype("f4")
    x[:, 2] = rng.integers(0, 20, rows)
    x[rng.random(x.shape) < 0.01] = np.nan
    x[rng.random(rows) < 0.3, 1] = 0
    return x


def make(seed, bounds=BOUNDS, latents=0):
    return Model.from_bytes(random_model(np.random.default_rng(seed), table(seed), bounds, latents).pack())


def kept(model, x, y):
    return all(b.check(x[:, i], y[:, i]).all() for i, b in enumerate(model.bounds))


def mode_of(frame):
    return native.frame_info(np.frombuffer(frame, "u1")).mode


@pytest.mark.parametrize("latents", [0, 2])
@pytest.mark.parametrize("seed", range(4))
def test_any_model_keeps_every_bound_and_encoding_again_changes_nothing(seed, latents):
    model = make(seed, latents=latents)
    assert model.trained and (model.n_columns, model.latents) == (4, latents) == model.native().shape
    codec = Baler(model)
    for x in (table(seed), table(seed + 50), np.asfortranarray(table(seed)), table(seed, 5).astype(">f8")):
        y = codec.decode(codec.encode(x))
        assert y.dtype == x.dtype and kept(model, x, y)
        assert codec.decode(codec.encode(y)).tobytes("A") == y.tobytes("A")


def test_one_model_serves_other_bounds():
    model, x = make(1), table(1)
    for bound in ("abs=0.1", {"column 0": "exact"}, ["exact"] * 4, {"*": "pw_rel=0.01"}):
        other = model.with_bound(bound)
        codec = Baler(model, bound=bound)
        assert codec.model is other and kept(other, x, codec.decode(codec.encode(x)))
    assert model.with_bound("abs=0.1").bound == ErrorBound("abs", 0.1)
    with pytest.raises(BoundError, match="column 7"):
        Baler(model, bound={"column 7": "exact"})
    with pytest.raises(ShapeError, match="4 columns"):
        Baler(model).encode(x[:, :3])


def test_latent_only_says_that_it_is_unbounded():
    x = np.nan_to_num(table(2))
    codec = Baler(make(2, latents=2), bound="latent")
    frame = codec.encode(x)
    decoded = codec.decode(frame)
    assert decoded.shape == x.shape and mode_of(frame) in ("latent", "stored")
    assert json.loads(codec.settings.attributes()["baler_compression"])["bounded"] is False
    with pytest.raises(BoundError, match="latents"):
        Baler(make(2), bound="latent")


def test_latents_of_another_encoder_decode_to_the_same_values():
    x = np.nan_to_num(table(3))
    model = make(3, [(LATENT, 0.0)], latents=3)
    latents = model.native().encode_latents(x)
    assert latents.shape == (len(x), 3) and latents.dtype == np.int32
    frame = native.encode(x, model=model.native(), latents=latents)
    assert frame == Baler(model).encode(x)
    with pytest.raises(BalerError):
        native.encode(x, model=model.native(), latents=latents[1:])


def test_a_damaged_network_is_refused_or_still_keeps_every_bound():
    raw, x = bytes(make(4)), table(4, 300)
    refused = 0
    for i in range(100, len(raw), len(raw) // 60):
        damaged = bytearray(raw)
        damaged[i] ^= 0x80
        try:
            codec = Baler(Model.from_bytes(damaged))
        except BalerError:
            refused += 1
            continue
        assert kept(codec.model, x, codec.decode(codec.encode(x)))
    assert 0 < refused < 60
    with pytest.raises(BalerError):
        Baler(Model.from_bytes(raw[:-1]))


def test_a_model_travels_inside_the_configuration():
    codec = Baler(make(5))
    config = json.loads(json.dumps(codec.get_config()))
    assert codec.inline and Baler.from_config(config).model is codec.model
    assert kept(codec.model, table(5), Baler.from_config(config).decode(codec.encode(table(5))))
