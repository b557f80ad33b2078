"""The network of a grid: learning, and conversion to the integers of docs/format.md, section 12.7."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .clock import Clock, Tell
from .grid_features import MOST_MEAN, MOST_SCALE, UNIT
from .grid_pieces import PIECES, Examples, Pieces
from .integer import ACTIVATION, HIDDEN_TOP, Layer, to_integers
from .lattices import Float

BATCH, RATE = 2048, 8e-3
RENEW = 50  # steps between new pieces
AVERAGE = 0.2  # the last part of a training, whose weights are averaged
OCTAVE = 256.0  # units of the scale
LEAST_SCALE = 2.0**-5
MAD = 2 * math.log(2.0)  # mean absolute deviation of the standard logistic distribution


class Network(nn.Module):
    """Hidden layers with leaky slopes; the last layer sees the inputs too."""

    def __init__(self, inputs: int, hidden: Sequence[int]) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.last = nn.Linear(widths[-1] + inputs, 2)
        with torch.no_grad():
            self.last.weight *= 0.1
            self.last.weight[:, widths[-1] :] = 0
            self.last.bias.copy_(torch.tensor([0.0, -0.5]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return mean (in expected misses) and scale (in octaves against it)."""
        return self.outputs(x)[-1]

    def outputs(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what every layer gives."""
        found: list[torch.Tensor] = []
        h = x
        for layer in self.hidden:
            h = nn.functional.leaky_relu(layer(h), 2.0**-ACTIVATION)
            found.append(h)
        found.append(self.last(torch.cat([h, x], 1)))
        return found


def bits(y: torch.Tensor, example: torch.Tensor) -> torch.Tensor:
    """Code length of the misses: cells of a logistic distribution, with tails for what it does not expect."""
    miss, unit = example[:, 0], example[:, 1]
    mean = y[:, 0].clamp(-MOST_MEAN / UNIT, MOST_MEAN / UNIT)
    mad = (unit * torch.exp2(y[:, 1].clamp(-MOST_SCALE / OCTAVE, MOST_SCALE / OCTAVE))).clamp_min(LEAST_SCALE)
    off = (miss - mean * unit).abs()
    edge, width = (off - 0.5) * (MAD / mad), MAD / mad
    log = nn.functional.logsigmoid
    inside = log(-edge) + log(edge + width) + torch.log(-torch.expm1(-width) + 1e-12)
    tail = torch.log(2e-3 / (mad * (1 + (off / (6 * mad)) ** 2)))
    return -torch.logaddexp(inside, tail).mean() / math.log(2.0)


class Pool:
    """Examples of many pieces, of which one is replaced now and then."""

    def __init__(self, pieces: Pieces, n: int = PIECES) -> None:
        self.pieces = pieces
        self.oldest = 0
        found = [e for e in (pieces.draw() for _ in range(n)) if e is not None]
        self.places = [len(e.x) for e in found]
        self.x = torch.from_numpy(np.concatenate([e.x for e in found] or [np.zeros((0, len(pieces.inputs)), "i2")]))
        self.y = torch.from_numpy(np.concatenate([e.y for e in found] or [np.zeros((0, 2), "f4")]))

    def renew(self) -> None:
        """Replace the oldest piece."""
        fresh: Examples | None = self.pieces.draw()
        if fresh is None:
            return
        at = sum(self.places[: self.oldest])
        n = min(len(fresh.x), self.places[self.oldest])
        self.x[at : at + n] = torch.from_numpy(fresh.x[:n])
        self.y[at : at + n] = torch.from_numpy(fresh.y[:n])
        self.oldest = (self.oldest + 1) % len(self.places)


def learn(net: Network, pool: Pool, clock: Clock, seed: int, tell: Tell) -> float:
    """Train until the clock runs out; returns the bits a value of the last part."""
    generator = torch.Generator().manual_seed(seed)
    parameters: list[torch.Tensor] = list(net.parameters())
    optimiser = torch.optim.Adam(parameters, lr=RATE, betas=(0.9, 0.99))
    mean = [torch.zeros_like(p) for p in parameters]
    averaged, cost = 0, 0.0
    while clock.running():
        part = clock.part()
        for group in optimiser.param_groups:
            group["lr"] = RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part))) * min(1.0, (clock.done + 1) / 100)
        if clock.done and clock.done % RENEW == 0:
            pool.renew()
        some = torch.randint(0, len(pool.x), (BATCH,), generator=generator)
        loss = bits(net(pool.x[some].float() / UNIT), pool.y[some])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        clock.tick()
        now = float(loss.detach())
        cost = now if clock.done == 1 else 0.99 * cost + 0.01 * now
        if part > 1 - AVERAGE:
            averaged += 1
            with torch.no_grad():
                torch._foreach_lerp_(mean, parameters, 1.0 / averaged)
        if clock.done % 20 == 0:
            tell(clock.done, clock.total or 0, cost)
    if averaged:
        with torch.no_grad():
            for p, m in zip(parameters, mean, strict=True):
                p.copy_(m)
    return cost


@dataclass
class IntegerNet:
    """The network in the integers of the format."""

    layers: list[Layer]

    def __call__(self, x: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Return (mean, scale) of every row of inputs."""
        h = x.astype(np.int64)
        for i, layer in enumerate(self.layers):
            last = i + 1 == len(self.layers)
            if last:
                h = np.concatenate([h, x], 1)
            half = np.where(layer.shift > 0, np.int64(1) << np.maximum(layer.shift - 1, 0), 0)
            h = (h @ layer.weight.T + layer.bias + half) >> layer.shift
            if not last:
                h = np.clip(h, -32768, 32767)
                h = np.maximum(h, h >> layer.activation)
        return h


@torch.no_grad()
def convert(net: Network, sample: torch.Tensor) -> IntegerNet:
    """Make integers of a network; the rows of `sample` set the scale of hidden values."""
    seen = net.outputs(sample.float() / UNIT)[:-1]
    layers = []
    before: Float = np.full(sample.shape[1], float(UNIT))  # units that an input of 1 is
    for linear, values in zip(net.hidden, seen, strict=True):
        unit = HIDDEN_TOP / values.abs().amax(0).double().clamp_min(1e-6).numpy()
        weight, bias = _numbers(linear)
        layers.append(to_integers(weight / before, bias, unit, ACTIVATION, 1.0))
        before = unit
    weight, bias = _numbers(net.last)
    before = np.concatenate([before, np.full(sample.shape[1], float(UNIT))])
    layers.append(to_integers(weight / before, bias, np.array([float(UNIT), OCTAVE]), 0, 1.0))
    return IntegerNet(layers)


def _numbers(linear: nn.Module) -> tuple[Float, Float]:
    assert isinstance(linear, nn.Linear)
    return linear.weight.double().numpy(), linear.bias.double().numpy()
