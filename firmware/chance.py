"""Encoders of random numbers, for tests: always the same for the same widths and bits."""

from __future__ import annotations

import itertools

import numpy as np

from baler_codec.encoders.spec import Column, EncoderSpec, Layer


def chance_spec(
    widths: tuple[int, ...], bits: int, *, spikes: int = 0, density: float = 1.0, skip: bool = False
) -> EncoderSpec:
    """Make an encoder of these widths, inputs first and latents last, with weights of so many bits.

    Parameters
    ----------
    widths : tuple of int
        Values between the layers.
    bits : int
        Of a weight, with its sign.
    spikes : int
        Inputs that are spike flags, of the last columns.
    density : float
        Share of weights that are not zero.
    skip : bool
        Whether the last layer reads the inputs too.
    """
    rng = np.random.default_rng([*widths, bits])
    columns = widths[0] - spikes
    inputs = [(False, c) for c in range(columns)] + [(True, columns - 1 - c) for c in range(spikes)]
    spiked = {c for spike, c in inputs if spike}
    knots = {c: Column((-4.0, 4.0), (-32, 32), 0.0 if c in spiked else None) for c in range(columns)}
    layers = []
    top = 1 << bits - 1
    for i, (before, outputs) in enumerate(itertools.pairwise(widths)):
        last = i == len(widths) - 2
        before += widths[0] if last and skip else 0
        weight = rng.integers(-top, top, (outputs, before))
        weight[rng.random(weight.shape) >= density] = 0
        # a sum of many values by chance grows as their root does: hidden values fill their 16 bits, some are clipped
        spread = top * 0.58 * np.sqrt(density * before) * 9000
        room = 2000.0 if last else 14000.0
        shift = np.full(outputs, max(0, round(np.log2(spread / room))))
        bias = rng.integers(-(1 << 15), 1 << 15, outputs)
        layers.append(Layer(weight, bias, shift, 0 if last else 4))
    return EncoderSpec(tuple(inputs), knots, tuple(layers), skip, ((-4000, 4000),) * widths[-1])
