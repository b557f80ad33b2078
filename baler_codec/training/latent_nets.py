"""The autoencoder as integer networks: made, and run exactly as the native library runs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .autoencoder import LARGEST_LATENT, Autoencoder, Dense, Rows
from .fpga import FpgaAutoencoder
from .integer import ACTIVATION, HIDDEN_TOP, ONE, Layer, Net, to_integers
from .lattices import Float, Int
from .packs import RAW_LATENT, SPIKE_FLAG, Z
from .prepare import Table

Z_UNIT, LOGIT_UNIT = 16384.0, 256.0
PART = 8192


@dataclass(frozen=True)
class Converted:
    """An autoencoder in integers, and its latents of all rows."""

    encoder: Net
    decoder: Net
    latents: npt.NDArray[np.int64]
    reach: list[tuple[int, int]] | None  # least and greatest value of latents that are never to be clipped


def convert(model: Autoencoder, rows: Rows, pick: Int) -> Converted:
    """Make the integer encoder and decoder, and compute the latents of all rows.

    The decoder's numbers depend on how large the latents get, so these are computed in between.
    """
    sample = torch.from_numpy(pick[:: max(1, len(pick) // 40_000)])
    gain = torch.exp(model.gain).detach().double().numpy()
    names, reach = [(Z, 0, j) for j in rows.coded], None
    if isinstance(model, FpgaAutoencoder):
        encoder = Net(names, model.final(), False)
        reach = reached(encoder)
    else:
        names += [(SPIKE_FLAG, 0, rows.coded[i]) for i in rows.spiked]
        with torch.no_grad():
            hidden = model.encoder.activations(rows.inputs[sample])
        encoder = Net(names, _layers(model.encoder, hidden, gain, np.full(len(names), ONE)), True)
    latents = run(encoder, encoder_inputs(rows)[:, : len(names)])
    # rare rows far out: clipped, as the format wants and as the decoder then sees it
    latents = np.clip(latents, -LARGEST_LATENT, LARGEST_LATENT)
    shift = [int(np.clip(np.floor(np.log2(32767 / m)), 0, 14)) for m in np.abs(latents).max(0).clip(1)]
    raw = [(RAW_LATENT, s, rows.columns + i) for i, s in enumerate(shift)]
    with torch.no_grad():
        y = torch.from_numpy(latents[pick[:: max(1, len(pick) // 40_000)]] / gain).float()
        hidden = model.decoder.activations(y)
    n = len(rows.coded)
    units = np.concatenate([np.full(n, Z_UNIT), np.full(len(rows.spiked), LOGIT_UNIT)])
    decoder = Net(raw, _layers(model.decoder, hidden, units, gain * 2.0 ** np.array(shift)), True)
    return Converted(encoder, decoder, latents, reach)


def reached(net: Net) -> list[tuple[int, int]]:
    """Least and greatest value that each output can have, for a network of z inputs without a skip."""
    low: npt.NDArray[np.int64] = np.full(len(net.inputs), -16384, np.int64)
    high = -low
    for i, layer in enumerate(net.layers):
        up: npt.NDArray[np.int64] = np.maximum(layer.weight, 0)
        down = layer.weight - up
        half: npt.NDArray[np.int64] = layer.bias + (np.left_shift(1, layer.shift) >> 1)
        ends: list[npt.NDArray[np.int64]] = [up @ low + down @ high + half, up @ high + down @ low + half]
        if i < len(net.layers) - 1:
            ends = [np.clip(end >> layer.shift, -32768, 32767) for end in ends]
            low, high = (np.where(end < 0, end >> layer.activation, end) for end in ends)
        else:
            low, high = (end >> layer.shift for end in ends)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _layers(dense: Dense, hidden: list[torch.Tensor], unit: Float, scale: Float) -> list[Layer]:
    """Scale all layers; `unit` of the outputs and `scale` of the inputs are units of 1."""
    layers = []
    before = scale
    for linear, values in zip(dense.layers, hidden, strict=True):
        top = values.abs().amax(0).double().clamp_min(1e-6).numpy()
        own = HIDDEN_TOP / top
        weight, bias = linear.weight.detach().double().numpy(), linear.bias.detach().double().numpy()  # type: ignore[operator]
        layers.append(to_integers(weight / before, bias, own, ACTIVATION, 1.0))
        before = own
    last = np.concatenate(
        [
            dense.last.weight.detach().double().numpy() / before,
            dense.skip.weight.detach().double().numpy() / scale,
        ],
        1,
    )
    layers.append(to_integers(last, dense.last.bias.detach().double().numpy(), unit, 0, 1.0))
    return layers


def encoder_inputs(rows: Rows) -> npt.NDArray[np.int64]:
    """Integer features of the encoder."""
    z = np.clip(np.rint(rows.z.double().numpy() * ONE), -16384, 16384)
    return np.concatenate([z, 8192 * rows.flags.numpy()], 1).astype(np.int64)


def decoder_inputs(net: Net, latents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Integer features of the decoder."""
    shift = np.array([s for _, s, _ in net.inputs])
    return np.asarray(np.clip(latents << shift, -32767, 32767))


def run(net: Net, x: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Run an integer network, row by row."""
    out = np.empty((len(x), len(net.layers[-1].weight)), np.int64)
    for start in range(0, len(x), PART):
        inputs = part = x[start : start + PART]
        for layer in net.layers[:-1]:
            part = np.clip(_apply(layer, part), -32768, 32767)
            part = np.where(part < 0, part >> layer.activation, part)
        if net.skip:
            part = np.concatenate([part, inputs], 1)
        out[start : start + PART] = _apply(net.layers[-1], part)
    return out


def _apply(layer: Layer, x: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    # sums stay below 2^31: doubles hold them exactly, and multiply faster than integers
    y = (x.astype(np.float64) @ layer.weight.T.astype(np.float64)).astype(np.int64) + layer.bias
    half = np.where(layer.shift > 0, 1 << np.maximum(layer.shift - 1, 0), 0)
    return np.asarray((y + half) >> layer.shift)


def reconstruct(table: Table, rows: Rows, net: Net, latents: npt.NDArray[np.int64]) -> Float:
    """Values of the columns that are not derived, as latent-only decoding gives them, before the cast."""
    y = run(net, decoder_inputs(net, latents))
    n = len(rows.coded)
    values = np.empty((len(latents), n))
    for i, j in enumerate(rows.coded):
        column = table.columns[j]
        values[:, i] = column.warp.inverse(np.clip(y[:, i], -131072, 131072) / Z_UNIT)
        if column.spike is not None:
            values[y[:, n + rows.spiked.index(i)] > 0, i] = column.spike
        if column.unit > 0:
            values[:, i] = np.rint(values[:, i] / column.unit) * column.unit
    return values
