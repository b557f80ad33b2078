"""The autoencoder of latent-only coding: rows to a few integers and back, trained on rate and distortion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .clock import Clock, Tell
from .lattices import ABS, PW_REL, Bound, Int
from .net import SLOPE
from .prepare import Table

BATCH = 768
STEEPEST = 3000.0  # limit of how much more a deviation may count in one place than in another
SPIKE_WEIGHT = 20.0
LARGEST_LATENT = 16383


@dataclass
class Rows:
    """What the autoencoder sees of a table, column by column: z, spike flags, and what a deviation of z weighs."""

    columns: int  # of the table
    coded: list[int]  # those that are not derived
    spiked: list[int]  # those with a spike, as positions in `coded`
    z: Tensor  # rows x columns, clipped to ±4, -4 for spikes, 0 where missing
    flags: Tensor  # rows x spiked, 0 or 1
    weight: Tensor  # rows x columns; 0 where there is nothing to hit

    @property
    def inputs(self) -> Tensor:
        """Features of the encoder."""
        return torch.cat([self.z, 2.0 * self.flags], 1)


def targets_of(table: Table, bounds: Sequence[Bound], wish: dict[str, float]) -> list[tuple[float, bool]]:
    """Deviation that is fine for each column, and whether it is relative: the user's, else by bound and spread."""
    result = []
    for column, bound in zip(table.columns, bounds, strict=False):
        q = column.warp.inverse(np.array([-1.0, 1.0]))
        spread = max(float(q[1] - q[0]) / 2, 1e-30)
        if column.name in wish:
            result.append((wish[column.name], False))
        elif bound.kind == PW_REL:
            result.append((bound.value, True))
        elif bound.kind == ABS:
            result.append((bound.value, False))
        else:
            result.append((0.15 * column.unit if column.unit > 0 else spread / 500, False))
    return result


def prepare(table: Table, coded: list[int], targets: Sequence[tuple[float, bool]]) -> Rows:
    """Features and weights of all rows."""
    coded = sorted(coded)
    spiked = [i for i, j in enumerate(coded) if table.columns[j].spike is not None]
    z = np.zeros((len(table.values), len(coded)), np.float32)
    weight = np.zeros_like(z)
    flags = np.zeros((len(z), len(spiked)), np.float32)
    for i, j in enumerate(coded):
        column, x, gone = table.columns[j], table.values[:, j], table.missing[:, j]
        own = column.warp(x)
        slope = (column.warp.inverse(own + 0.01) - column.warp.inverse(own - 0.01)) / 0.02
        target, relative = targets[j]
        size = target * np.maximum(np.abs(x), 1e-6 * max(abs(column.lo), abs(column.hi))) if relative else target
        with np.errstate(all="ignore"):
            weight[:, i] = np.where(gone, 0.0, np.nan_to_num(np.clip(slope / size, 1e-3, STEEPEST)))
        z[:, i] = np.where(gone, 0.0, np.clip(own, -4.0, 4.0))
        if column.spike is not None:
            spike = (x == column.spike) & ~gone
            flags[:, spiked.index(i)] = spike
            z[spike, i], weight[spike, i] = -4.0, 0.0
    return Rows(table.n_columns, coded, spiked, torch.from_numpy(z), torch.from_numpy(flags), torch.from_numpy(weight))


class Dense(nn.Module):
    """Hidden layers with leaky activations, and a linear skip from the inputs to the outputs."""

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        sizes = [inputs, *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(sizes[-1], outputs)
        self.skip = nn.Linear(inputs, outputs, bias=False)

    def activations(self, x: Tensor) -> list[Tensor]:
        """Values of the hidden layers."""
        values = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            values.append(x)
        return values

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs."""
        return torch.add(self.last(self.activations(x)[-1]), self.skip(x))


class Autoencoder(nn.Module):
    """Encoder, decoder, and a static model of the latents that makes their size a loss."""

    def __init__(self, inputs: int, hidden: Sequence[int], latents: int, outputs: int) -> None:
        super().__init__()
        self.latents = latents
        self.encoder = Dense(inputs, hidden, latents)
        self.decoder = Dense(latents, list(hidden)[::-1], outputs)
        self.gain = nn.Parameter(torch.full((latents,), 4.0))  # log of latent steps in a unit
        self.share = nn.Parameter(torch.zeros(latents, 4))
        self.centre = nn.Parameter(torch.randn(latents, 4))
        self.log_width = nn.Parameter(torch.full((latents, 4), -0.3))

    def start(self, rows: Rows) -> None:
        """Begin with the principal components, weighted by how finely each feature is wanted."""
        forth, back, mean = principal(rows.inputs[:50_000], rows, self.latents)
        count = len(forth)
        with torch.no_grad():
            self.encoder.skip.weight.zero_()
            self.decoder.skip.weight.zero_()
            self.encoder.skip.weight[:count] = forth
            # outputs are z and a logit per spike; flags were inputs of 0 and 2
            self.decoder.skip.weight[:, :count] = back
            self.decoder.last.bias.copy_(mean)
            self.encoder.last.weight.mul_(0.1)
            self.decoder.last.weight.mul_(0.1)
            self.encoder.last.bias.copy_(-(self.encoder.skip.weight @ mean))

    def encode(self, x: Tensor, part: float) -> tuple[Tensor, bool]:
        """Compute the latents of features in units of 1, and say whether decoders see them rounded already."""
        y: Tensor = self.encoder(x)
        return y, part > 0.7

    def price(self) -> Tensor | float:
        """Return what the encoder costs, as a part of the loss."""
        return 0.0

    def stepped(self, part: float) -> None:
        """Follow a step of the optimiser."""

    def nats(self, y: Tensor, width: Tensor) -> Tensor:
        """Code length of latents y (in units of 1) in steps of `width`, by row."""
        narrow = torch.exp(-self.log_width)
        a = (y[..., None] - width[:, None] / 2 - self.centre) * narrow
        d = width[:, None] * narrow
        mass = torch.sigmoid(a + d) * torch.sigmoid(-a) * -torch.expm1(-d)
        return -torch.log((torch.softmax(self.share, -1) * mass).sum(-1).clamp_min(1e-9)).sum(1)


def principal(x: Tensor, rows: Rows, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find the principal components of features (z, then flags or not): to unit variance, back, and the mean."""
    mean = x.mean(0)
    wanted = torch.log2(rows.weight[:50_000].median(0).values.clamp(1.0, 2000.0) + 1.0)
    weight = torch.cat([wanted, torch.full((x.shape[1] - len(wanted),), 0.5)])
    _, s, v = torch.linalg.svd((x - mean) * weight, full_matrices=False)
    count = min(count, len(s))
    scale = (s[:count] / len(x) ** 0.5).clamp_min(1e-3)
    return (v[:count] * weight) / scale[:, None], (v[:count] / weight).t() * scale, mean


def fit(model: Autoencoder, rows: Rows, pick: Int, fidelity: float, clock: Clock, seed: int, tell: Tell) -> None:
    """Train encoder and decoder on bits + fidelity × distortion."""
    generator = torch.Generator().manual_seed(seed)
    inputs, n = rows.inputs, len(rows.coded)
    model.start(rows)
    rate = 3e-3
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.99), fused=True)
    choice = torch.from_numpy(pick)
    parameters = list(model.parameters())
    while clock.running():
        part = clock.part()
        for group in optimiser.param_groups:
            group["lr"] = rate * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * part))) * min(1, (clock.done + 1) / 100)
        i = choice[torch.randint(0, len(choice), (BATCH,), generator=generator)]
        width = torch.exp(-model.gain)
        y, rounded = model.encode(inputs[i], part)
        noisy = y + (torch.rand(y.shape, generator=generator) - 0.5) * width
        bits = model.nats(noisy, width).mean() / math.log(2.0)
        # the same noise as a decoder gets: rounding, in the last part the real one
        if rounded:
            noisy = y + (torch.round(y / width) * width - y).detach()
        out = model.decoder(noisy)
        off = ((out[:, :n] - rows.z[i]) * rows.weight[i]).abs()
        huber = torch.where(off < 1, 0.5 * off * off, off - 0.5)
        huber = torch.where(huber > 8, 8 + 8 * torch.log(huber.clamp_min(8.0) / 8), huber)
        wrong = functional.binary_cross_entropy_with_logits(out[:, n:], rows.flags[i], reduction="none")
        distortion = (huber.sum() + SPIKE_WEIGHT * wrong.sum()) / BATCH
        loss = bits + fidelity * distortion + model.price()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 50.0)
        optimiser.step()
        model.stepped(part)
        clock.tick()
        if clock.done % 20 == 0:
            tell(clock.done, clock.total or 0, float(bits.detach()))
