"""An encoder whose bit widths HGQ2 learned is written as the integers that it computes, or not at all."""

import importlib.util

import numpy as np
import pytest

from baler_codec import Baler, load
from baler_codec.encoders import EncoderSpec
from baler_codec.encoders.adders import adders
from baler_codec.errors import ConfigError
from firmware import hgq

if importlib.util.find_spec("hgq") is None or importlib.util.find_spec("torch") is None:
    pytest.skip("needs HGQ2 and torch: pip install 'baler-codec[hgq]'", allow_module_level=True)


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(3)
    spread = random.lognormal(1, 2, (20_000, 1)) * random.normal(0, 1, (20_000, 24))
    return (spread + random.normal(0, 1, (20_000, 24))).astype(np.float32)


def test_nothing_trained_is_the_same_encoder():
    model = load("cms_jets_fpga")
    spec = EncoderSpec.of(model)
    shape = hgq.shape_of(spec)
    layers = hgq.integers(hgq.build(shape, 1e-8), shape)
    assert EncoderSpec.of(hgq.replaced(model, layers)).id == spec.id


def test_what_was_trained_computes_what_was_written_and_is_smaller(table):
    model = load("cms_jets_fpga")
    made, rows = hgq.train(model, table, price=1e-4, epochs=10, rate=3e-2)
    assert rows >= 20_000
    old, new = EncoderSpec.of(model), EncoderSpec.of(made)
    assert new.id != old.id and adders(new.layers) < adders(old.layers)
    codec = Baler(made.with_bound("latent"))
    back = np.frombuffer(codec.decode(codec.encode(table)), np.float32)
    assert back.size == table.size and np.isfinite(back).all()


def test_a_network_that_differs_from_its_integers_is_refused(table):
    model = load("cms_jets_fpga")
    spec = EncoderSpec.of(model)
    shape = hgq.shape_of(spec)
    network = hgq.build(shape, 1e-8)
    layers = hgq.integers(network, shape)
    layers[1].bias[0] += 64
    wrong = EncoderSpec.of(hgq.replaced(model, layers))
    with pytest.raises(ConfigError, match="differ"):
        hgq.check(network, shape, wrong, spec.quantise(table))


def test_an_encoder_that_is_not_for_hardware_is_refused():
    with pytest.raises(ConfigError, match="--encoder fpga"):
        hgq.shape_of(EncoderSpec.of(load("cms_jets_ae")))
