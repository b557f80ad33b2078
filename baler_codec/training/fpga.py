"""Encoders for hardware: trained as the integers that they will be (docs/fpga.md, "Training").

Every step size is a power of two, the same for a whole layer, so the network of the last training step and the layers
of the model file compute the same numbers. What rounds passes gradients on as if it did not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..encoders.adders import adders
from .autoencoder import LARGEST_LATENT, Autoencoder, Rows, principal
from .integer import ACTIVATION, ONE, Layer
from .net import SLOPE

TOP = 4.0  # of inputs and of hidden values: where they saturate
INPUT_UNIT, HIDDEN_UNIT = 12, 13  # log2 of units of 1, before values are made narrow
MOST_LAYERS = 6  # of the format
INTEGERS_FROM, FROZEN_FROM, PRUNED_FROM = 0.25, 0.6, 0.8  # parts of the training
LEVEL_PERIOD = 20  # steps between two looks at the size


@dataclass(frozen=True)
class FpgaEncoder:
    """How large an encoder for hardware may be.

    Parameters
    ----------
    hidden : sequence of int
        Widths of its hidden layers.
    weight_bits : int
        Of a weight, with its sign.
    input_bits, activation_bits : int
        Of an input and of a hidden value, with their sign; 16 are the most. Inputs are cut, hidden values saturate.
    adders : int, optional
        The most adders that the weights may take, one for each of their signed digits (a circuit shares some). A
        pressure on the weights grows until they fit; what is too much in the last part of the training is cut.
    """

    hidden: Sequence[int] = (20, 10)
    weight_bits: int = 8
    input_bits: int = 12
    activation_bits: int = 12
    adders: int | None = 800

    def __post_init__(self) -> None:
        if not 2 <= self.weight_bits <= 12:
            raise ValueError(f"weight_bits={self.weight_bits}: give 2 to 12")
        for name in ("input_bits", "activation_bits"):
            if not 4 <= getattr(self, name) <= 16:
                raise ValueError(f"{name}={getattr(self, name)}: give 4 to 16")
        if self.adders is not None and self.adders < 1:
            raise ValueError(f"adders={self.adders}: give 1 or more, or none for no limit")
        layers = 1 + (self.input_bits < 16) + len(self.hidden) * (1 + (self.activation_bits < 16))
        if not self.hidden or min(self.hidden) < 1 or max(self.hidden) > 256 or layers > MOST_LAYERS:
            raise ValueError(
                f"hidden={tuple(self.hidden)}: give one or two layers of 1 to 256 neurons (more of them only with"
                f" activation_bits=16): a model file has room for {MOST_LAYERS} layers, and cutting bits takes one each"
            )


class FpgaDense(nn.Module):
    """Hidden layers and a linear one; with `whole` they compute integers, else what these are made from."""

    keep: list[Tensor]  # 0 where a weight was cut

    def __init__(self, inputs: int, latents: int, size: FpgaEncoder) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([inputs, *size.hidden, latents]))
        self.limit = float(2 ** (size.weight_bits - 1) - 1)
        self.units = [INPUT_UNIT - (16 - size.input_bits)]  # log2, of what each layer reads
        self.units += [HIDDEN_UNIT - (16 - size.activation_bits)] * len(size.hidden)
        self.fine = [0] * len(self.layers)  # log2 of weight steps in 1
        self.keep = [torch.ones_like(layer.weight) for layer in self._linear()]

    def _linear(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def weights(self, gain: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases; those of the last layer give latents in their own steps."""
        found: list[tuple[Tensor, Tensor]] = [(layer.weight, layer.bias) for layer in self._linear()]
        scale = torch.exp(gain)
        weight, bias = found[-1]
        found[-1] = weight * scale[:, None], bias * scale
        return [(weight * keep, bias) for (weight, bias), keep in zip(found, self.keep, strict=True)]

    @torch.no_grad()
    def calibrate(self, gain: Tensor) -> None:
        """Take the finest weight steps with which the largest weight of each layer has its bits."""
        weights = self.weights(gain)
        for i, (weight, _) in enumerate(weights):
            room = self.limit / max(float(weight.abs().max()), 1e-9)
            self.fine[i] = math.floor(math.log2(room))
        # latents are no finer than what they are made from
        self.fine[-1] = max(self.fine[-1], -self.units[-1])

    def soft(self, z: Tensor, gain: Tensor) -> Tensor:
        """Latents in their own steps, nothing rounded."""
        *hidden, last = self.weights(gain)
        for weight, bias in hidden:
            z = functional.leaky_relu(functional.linear(z, weight, bias).clamp(-TOP, TOP), SLOPE)
        return functional.linear(z, *last)

    def whole(self, z: Tensor, gain: Tensor) -> Tensor:
        """Latents as the integers of the exported layers."""
        x = _floor(torch.round(z * ONE) * 2.0 ** (self.size.input_bits - 16))
        for i, (weight, bias) in enumerate(self.rounded(gain)):
            y = functional.linear(x, weight, bias)
            shift = self._shift(i)
            y = _floor((y + 2.0 ** (shift - 1)) * 2.0**-shift) if shift > 0 else y * 2.0**-shift
            if i == len(self.layers) - 1:
                break
            y = y.clamp(-32768, 32767)
            y = torch.where(y < 0, _floor(y * SLOPE), y)
            x = _floor(y * 2.0 ** (self.size.activation_bits - 16))
        return y.clamp(-LARGEST_LATENT, LARGEST_LATENT)

    def rounded(self, gain: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases as integers, before those of a layer whose shift is negative are shifted."""
        found = []
        for i, (weight, bias) in enumerate(self.weights(gain)):
            scale = 2.0 ** self.fine[i]
            w = _round((weight * scale).clamp(-self.limit, self.limit))
            found.append((w, _round(bias * scale * 2.0 ** self.units[i])))
        return found

    def _shift(self, i: int) -> int:
        out = 0 if i == len(self.layers) - 1 else HIDDEN_UNIT
        return self.fine[i] + self.units[i] - out

    @torch.no_grad()
    def integers(self, gain: Tensor) -> list[Layer]:
        """Return the layers of the model file; those that only cut bits read one value each."""
        size = self.size
        layers = _cut(self._linear()[0].in_features, 16 - size.input_bits)
        for i, (weight, bias) in enumerate(self.rounded(gain)):
            shift, last = self._shift(i), i == len(self.layers) - 1
            scale = 2.0 ** max(0, -shift)
            w, b = ((t.double() * scale).numpy().astype(np.int64) for t in (weight, bias))
            layers.append(Layer(w, b, np.full(len(b), max(0, shift)), 0 if last else ACTIVATION))
            layers += [] if last else _cut(len(b), 16 - size.activation_bits)
        return layers


class FpgaAutoencoder(Autoencoder):
    """An autoencoder whose encoder is made for hardware; its decoder is as others' are."""

    def __init__(self, columns: int, hidden: Sequence[int], latents: int, outputs: int, size: FpgaEncoder) -> None:
        super().__init__(columns, hidden, latents, outputs)
        del self.encoder
        self.fpga = FpgaDense(columns, latents, size)
        self.columns, self.pressure, self.steps = columns, 0.05, 0

    def start(self, rows: Rows) -> None:
        """Begin with the principal components, each in a neuron of its own that is in its linear part."""
        forth, back, mean = principal(rows.z[:50_000], rows, min(self.latents, *self.fpga.size.hidden))
        count, spread, offset = len(forth), 0.6, 1.5
        with torch.no_grad():
            first, *others = self.fpga._linear()
            first.weight[:count] = spread * forth
            first.bias[:count] = offset - spread * (forth @ mean)
            for layer in others:
                layer.weight.mul_(0.3)
                layer.weight[:count] *= 0.1
                layer.weight[:count, :count] += torch.eye(count)
                layer.bias[:count] = 0.0
            others[-1].weight[:count] /= spread
            others[-1].bias[:count] = -offset / spread
            self.decoder.skip.weight.zero_()
            self.decoder.skip.weight[: self.columns, :count] = back
            self.decoder.last.weight.mul_(0.1)
            self.decoder.last.bias[: self.columns] = mean
        self.fpga.calibrate(self.gain)

    def encode(self, x: Tensor, part: float) -> tuple[Tensor, bool]:
        """Compute the latents of features; from some time on they are integers."""
        z, step = x[:, : self.columns], torch.exp(-self.gain)
        if part < INTEGERS_FROM:
            return self.fpga.soft(z, self.gain) * step, False
        if part < FROZEN_FROM:
            self.fpga.calibrate(self.gain)
        return self.fpga.whole(z, self.gain) * step, True

    def price(self) -> Tensor | float:
        """Weigh the weights, each as a part of the largest that there can be."""
        if self.fpga.size.adders is None:
            return 0.0
        weights = self.fpga.weights(self.gain)
        parts = [w.abs().sum() * 2.0**f for (w, _), f in zip(weights, self.fpga.fine, strict=True)]
        return self.pressure / self.fpga.limit * torch.stack(parts).sum()

    def stepped(self, part: float) -> None:
        """Push the size towards what was asked for; what is still too much in the end is cut."""
        self.steps += 1
        most = self.fpga.size.adders
        if most is None or part < INTEGERS_FROM or self.steps % LEVEL_PERIOD:
            return
        if part < PRUNED_FROM:
            self.pressure *= 1.1 if adders(self.integers()) > most else 0.9
            self.pressure = min(max(self.pressure, 1e-3), 100.0)
        else:
            self.prune(most)

    @torch.no_grad()
    def prune(self, most: int) -> None:
        """Leave out weights that are 0 for good, and the smallest ones until there are no more adders than `most`."""
        self.pressure = 0.0
        for keep, (weight, _) in zip(self.fpga.keep, self.fpga.rounded(self.gain), strict=True):
            keep *= weight != 0
        while adders(self.integers()) > most:
            sizes = [w.abs() for w, _ in self.fpga.rounded(self.gain)]
            least = min(float(w[w > 0].min()) for w in sizes if (w > 0).any())
            i, w = next((i, w) for i, w in enumerate(sizes) if (w == least).any())
            self.fpga.keep[i].view(-1)[int((w.view(-1) == least).nonzero()[0, 0])] = 0.0

    def integers(self) -> list[Layer]:
        """Return the encoder's layers as they are now."""
        return self.fpga.integers(self.gain.detach())

    def final(self) -> list[Layer]:
        """Return the layers of the model file, within the size that was asked for."""
        if self.fpga.size.adders is not None:
            self.prune(self.fpga.size.adders)
        return self.integers()


def build(rows: Rows, hidden: Sequence[int], latents: int, size: FpgaEncoder | None) -> Autoencoder:
    """Make an autoencoder for these rows, with an encoder for hardware if its size is given."""
    outputs = len(rows.coded) + len(rows.spiked)
    if size is None:
        return Autoencoder(rows.inputs.shape[1], hidden, latents, outputs)
    return FpgaAutoencoder(len(rows.coded), hidden, latents, outputs, size)


def _cut(width: int, bits: int) -> list[Layer]:
    # its bias takes back what would round: low bits are left out, which is wires and no adder
    if not bits:
        return []
    shift = np.full(width, bits)
    return [Layer(np.eye(width, dtype=np.int64), np.full(width, -(1 << bits - 1)), shift)]


def _floor(x: Tensor) -> Tensor:
    return x + (torch.floor(x) - x).detach()


def _round(x: Tensor) -> Tensor:
    return x + (torch.round(x) - x).detach()
