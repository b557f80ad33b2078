"""From float networks to the integer networks of docs/format.md, section 7."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .lattices import Float
from .net import BYTE, MEAN, REPEAT, SCALE, SPIKE, Networks
from .packs import Layout

ONE = 4096  # a feature or hidden value of 1
# how many units of the file an output of 1 is: mean in z, natural log of the scale, logits
OUTPUT_UNITS = {MEAN: 16384.0, SCALE: 8.0 / np.log(2.0), SPIKE: 256.0, REPEAT: 256.0}
HIDDEN_TOP = 24576.0  # where the largest hidden value of the calibration rows is put
ACTIVATION = 4  # negative hidden values >> 4
ACCUMULATOR = 2**31 - 1


@dataclass
class Layer:
    """One layer of integers: weights (outputs, inputs), bias and shift per output."""

    weight: npt.NDArray[np.int64]
    bias: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]
    activation: int = 0


@dataclass
class Net:
    """An integer network and what it reads: (type, shift, variable)."""

    inputs: list[tuple[int, int, int]]
    layers: list[Layer]
    skip: bool

    @property
    def weights(self) -> int:
        """Number of weights."""
        return sum(layer.weight.size for layer in self.layers)


def to_integers(weight: Float, bias: Float, unit: Float, activation: int = 0, scale_in: float = ONE) -> Layer:
    """Scale one layer to integers, as finely as 16-bit weights and 32-bit sums allow.

    Parameters
    ----------
    weight, bias
        Float layer, weight as (outputs, inputs).
    unit
        How many units of the output an output of 1 is.
    activation
        Shift of negative outputs, 0 for a linear layer.
    scale_in
        How many units an input of 1 is.
    """
    outputs = len(weight)
    layer = Layer(
        np.zeros(weight.shape, np.int64), np.zeros(outputs, np.int64), np.zeros(outputs, np.int64), activation
    )
    for o in range(outputs):
        factor = unit[o] / scale_in
        for shift in range(31, -1, -1):
            w = np.rint(weight[o] * factor * 2.0**shift)
            b = np.rint(bias[o] * unit[o] * 2.0**shift)
            if np.abs(w).max(initial=0.0) > 32767 or abs(b) > ACCUMULATOR:
                continue
            if np.abs(w).sum() * 2**15 + abs(b) + (2 ** (shift - 1) if shift else 0) <= ACCUMULATOR:
                layer.weight[o], layer.bias[o], layer.shift[o] = w, b, shift
                break
        else:
            # weights beyond all reason: the largest that fit
            peak = np.abs(weight[o] * factor).sum() + 1e-300
            layer.weight[o] = np.trunc(weight[o] * factor * min(1.0, 60000.0 / peak)).clip(-32767, 32767)
            layer.bias[o] = int(np.clip(np.rint(bias[o] * unit[o]), -(2**26), 2**26))
    return layer


def first_layer(weight: Float, bias: Float, top: Float) -> tuple[Layer, Float]:
    """Make a hidden layer of 8-bit weights; returns it and how many units a hidden value of 1 is.

    A hidden value may have any unit: the one is taken that makes the largest weight 127, times the power of two that
    puts the hidden values (up to `top` in the calibration rows) into the upper half of 15 bits.
    """
    outputs = len(weight)
    layer = Layer(
        np.zeros(weight.shape, np.int64), np.zeros(outputs, np.int64), np.zeros(outputs, np.int64), ACTIVATION
    )
    unit = np.empty(outputs)
    for o in range(outputs):
        # no finer than the bias allows: a neuron may hardly look at its inputs
        fine = min(BYTE * ONE / max(float(np.abs(weight[o]).max(initial=0.0)), 1e-9), 2.0**29 / max(abs(bias[o]), 1e-9))
        shift = int(np.clip(np.ceil(np.log2(fine * top[o] / HIDDEN_TOP)), 0, 24))
        unit[o] = fine / 2.0**shift
        layer.weight[o] = np.rint(weight[o] * (fine / ONE))
        layer.bias[o] = int(np.rint(bias[o] * fine))
        layer.shift[o] = shift
    return layer, unit


@torch.no_grad()
def convert(net: Networks, layout: Layout, sample: torch.Tensor) -> list[Net]:
    """Make one integer network per coded variable; `sample` are feature rows that set the scale of hidden values."""
    top = net.both(sample.t().contiguous())[0].abs().amax(2).double().clamp_min(1e-6).numpy()  # (variables, hidden)
    h = net.hidden
    first_weight, first_bias = net.first.double().numpy(), net.first_bias.double().numpy()
    last_weight = net.last.double().numpy()
    nets = []
    for i in range(net.n):
        used = np.flatnonzero(net.mask[:, i].numpy())
        weight = first_weight[i][:, used]
        if net.short:
            first, unit = first_layer(weight[:h], first_bias[i, :h], top[i])
        else:
            unit = HIDDEN_TOP / top[i]
            first = to_integers(weight[:h], first_bias[i, :h], unit, ACTIVATION)
        kept = [MEAN, SCALE]
        kept += [SPIKE] if net.has_spike[i] > 0 else []
        kept += [REPEAT] if net.has_repeat[i] > 0 else []
        # inputs are in units of 1/4096, hidden values in their own
        last = np.concatenate([last_weight[i] * ONE / unit, weight[h:]], 1)[kept]
        units = np.array([OUTPUT_UNITS[o] for o in kept])
        inputs = [(kind, 0, v) for kind, v in (layout.features[int(f)] for f in used)]
        nets.append(Net(inputs, [first, to_integers(last, first_bias[i, h:][kept], units)], True))
    return nets


def shapes(net: Networks) -> list[list[tuple[int, int, int]]]:
    """Weight, offset (2^-10 scales) and inverse width (2^-12) of the three logistics of every variable."""
    share = torch.softmax(net.weight.detach().double(), -1).numpy()
    offset = np.rint(net.offset.detach().double().numpy() * 1024).clip(-32767, 32767).astype(int)
    inverse = np.rint(net.narrowness().detach().double().numpy() * 4096).clip(1, (1 << 20) - 1).astype(int)
    result = []
    for w, o, s in zip(share, offset, inverse, strict=True):
        parts = np.floor(w * 65536).astype(int)
        parts[int(parts.argmax())] += 65536 - parts.sum()
        result.append([(int(a), int(b), int(c)) for a, b, c in zip(parts, o, s, strict=True)])
    return result
