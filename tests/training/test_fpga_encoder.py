"""Encoders for hardware: what is trained is what is written, and it is as small as was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'baler-codec[train]'")

import torch

import baler_codec as baler
from baler_codec import native
from baler_codec.encoders import EncoderSpec
from baler_codec.encoders.adders import adders
from baler_codec.training import FpgaEncoder
from baler_codec.training.fpga import FpgaAutoencoder
from baler_codec.training.integer import Net
from baler_codec.training.latent_nets import reached, run

SIZES = [
    FpgaEncoder(),
    FpgaEncoder(hidden=(7,), weight_bits=3, input_bits=6, activation_bits=5, adders=None),
    FpgaEncoder(hidden=(5, 9), weight_bits=6, input_bits=16, activation_bits=8, adders=150),
    FpgaEncoder(hidden=(6, 6, 4), weight_bits=12, input_bits=9, activation_bits=16, adders=None),
]
COLUMNS = 9


def vectors(rows: int = 20_000) -> npt.NDArray[np.int64]:
    """All kinds of int16 inputs: by chance over the range, about normal, extremes."""
    rng = np.random.default_rng(3)
    top = 16384
    chance = rng.integers(-top, top + 1, (rows // 2, COLUMNS))
    normal = np.clip(np.rint(rng.normal(0, 4096, (rows // 2, COLUMNS))), -top, top).astype(np.int64)
    edges = np.where(rng.random((500, COLUMNS)) < 0.5, -top, top)
    return np.concatenate([chance, normal, edges, [[top] * COLUMNS, [-top] * COLUMNS, [0] * COLUMNS]])


def some_encoder(size: FpgaEncoder, seed: int) -> FpgaAutoencoder:
    torch.manual_seed(seed)
    model = FpgaAutoencoder(COLUMNS, (8,), 4, COLUMNS, size)
    with torch.no_grad():
        model.gain += torch.randn(4)
        for p in model.fpga.parameters():
            p *= 2.0  # hidden values that saturate, too
    model.fpga.calibrate(model.gain)
    return model


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_the_network_in_training_is_the_network_in_the_file(size: FpgaEncoder, seed: int) -> None:
    model = some_encoder(size, seed)
    layers = model.final()
    net = Net([(0, 0, j) for j in range(COLUMNS)], layers, False)
    x = vectors()
    wanted = np.clip(run(net, x), -16383, 16383)
    assert len(np.unique(wanted)) > 50
    # doubles hold every sum exactly, whatever the size
    gain = model.gain.detach().double()
    got = model.fpga.double().whole(torch.from_numpy(x).double() / 4096.0, gain).detach().numpy()
    assert np.array_equal(got, wanted)
    assert all(len(set(layer.shift.tolist())) == 1 for layer in layers)
    for out, (low, high) in zip(run(net, x).T, reached(net), strict=True):
        assert low <= out.min() and out.max() <= high


def test_single_precision_of_the_training_is_exact_for_the_usual_size() -> None:
    model = some_encoder(FpgaEncoder(), 5)
    x = vectors()
    net = Net([(0, 0, j) for j in range(COLUMNS)], model.integers(), False)
    got = model.fpga.whole(torch.from_numpy(x).float() / 4096.0, model.gain).detach().numpy()
    assert np.array_equal(got, np.clip(run(net, x), -16383, 16383))


def test_gradients_pass_what_rounds() -> None:
    model = some_encoder(FpgaEncoder(), 1)
    y, rounded = model.encode(torch.randn(100, COLUMNS), 0.5)
    assert rounded
    y.square().sum().backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in model.fpga.parameters())


def correlated(rows: int = 3000) -> npt.NDArray[Any]:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, 6)) + 0.05 * rng.normal(size=(rows, 6))
    x[rng.random(rows) < 0.2, 5] = 0.0
    return x.astype("f4")


@pytest.fixture(scope="module")
def trained() -> baler.Model:
    size = FpgaEncoder(hidden=(8, 6), weight_bits=6, input_bits=10, activation_bits=8, adders=70)
    return baler.train(
        correlated(), bound="range=1e-2", latent=3, hidden=(16,), hints=[], encoder=size, steps=600, progress=False
    )


def test_a_trained_encoder_is_for_hardware_and_within_its_size(trained: baler.Model) -> None:
    spec = EncoderSpec.of(trained)
    assert not spec.skip and not any(spike for spike, _ in spec.inputs)
    assert all(len(set(layer.shift.tolist())) == 1 for layer in spec.layers)
    assert [len(layer.bias) for layer in spec.layers] == [6, 8, 8, 6, 6, 3]
    assert 20 < adders(spec.layers) <= 70
    told = trained.provenance["encoder"]
    assert told["kind"] == "fpga" and told["adders"] == adders(spec.layers)
    # no comparators behind the last layer: nothing that it can give lies beyond the latents' limits
    net = Net([(0, 0, j) for j in range(6)], list(spec.layers), False)
    assert reached(net) == list(spec.latents)


def test_a_trained_encoder_learns_and_every_backend_computes_it(trained: baler.Model) -> None:
    x = correlated()
    model = trained.with_bound("latent")
    spec = EncoderSpec.of(model)
    assert np.array_equal(spec.run(spec.quantise(x)), model.native().encode_latents(x))
    frame = baler.Baler(model).encode(x)
    assert native.frame_info(np.frombuffer(frame, np.uint8)).mode == "latent"
    assert baler.Baler(model, encoder="torch").encode(x) == frame
    y = np.frombuffer(baler.Baler(model).decode(frame), x.dtype).reshape(x.shape)
    # three latents of a table of three directions: far better than the mean
    assert np.mean((y[:, :5] - x[:, :5]) ** 2) < 0.1 * x[:, :5].var(0).mean()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"weight_bits": 1}, "weight_bits=1: give 2 to 12"),
        ({"input_bits": 17}, "input_bits=17"),
        ({"activation_bits": 3}, "activation_bits=3"),
        ({"adders": 0}, "adders=0"),
        ({"hidden": ()}, "one or two layers"),
        ({"hidden": (8, 8, 8)}, "room for 6 layers"),
    ],
)
def test_an_impossible_size_is_named(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FpgaEncoder(**settings)


def test_an_unknown_encoder_and_one_for_grids_are_refused() -> None:
    with pytest.raises(ValueError, match='give "fpga"'):
        baler.train(correlated(50), latent=2, encoder="gpu", steps=1, progress=False)
    with pytest.raises(ValueError, match="or encoder"):
        baler.train(np.zeros((4, 8, 8)), kind="grid", encoder="fpga", steps=1, progress=False)
