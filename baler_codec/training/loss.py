"""The code length that the integer coder will need, as a differentiable function."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .net import COARSEST, FINEST, MEAN, REPEAT, SCALE, SPIKE, Networks

FLOOR = -13.0  # natural log of the least likely cell: an escape costs about this much
NATS = 1.0 / math.log(2.0)


class Mixture(torch.autograd.Function):
    """Probability of a cell under a mixture of logistics, with its derivatives written out.

    F(a + d) - F(a) of a logistic is the product of F(a + d), F(-a) and 1 - exp(-d): exact for narrow and for far cells.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, v: Tensor, share: Tensor, offset: Tensor, narrow: Tensor) -> Tensor:
        """Compute probabilities (variables, rows) for cells from u to u + v; components (variables, 3)."""
        share, offset, narrow = (p.t()[..., None] for p in (share, offset, narrow))
        a = (u - offset) * narrow
        d = v * narrow
        above = torch.sigmoid(a + d)
        below = torch.sigmoid(-a)
        part = -torch.expm1(-d)
        mass = above * below
        cell = (share * mass * part).sum(0)
        ctx.save_for_backward(a, d, above, below, part, mass, share, narrow)
        return cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Compute the derivatives of `forward`."""
        a, d, above, below, part, mass, share, narrow = ctx.saved_tensors
        whole = mass * part
        to_share = (grad * whole).sum(2).t()
        g = grad * share
        to_a = g * whole * (below - above)
        to_d = g * (whole * (1.0 - above) + mass * (1.0 - part))
        to_offset = -(to_a.sum(2, keepdim=True) * narrow)[..., 0].t()
        to_narrow = ((to_a * a + to_d * d).sum(2, keepdim=True) / narrow)[..., 0].t()
        return (to_a * narrow).sum(0), (to_d * narrow).sum(0), to_share, to_offset, to_narrow


def nats(net: Networks, outputs: Tensor, targets: Tensor) -> Tensor:
    """Code length of every cell that is coded, (variables, rows); masked cells are free."""
    n = net.n
    return code_lengths(net, outputs, targets) * targets[4 * n : 5 * n]


def code_lengths(net: Networks, outputs: Tensor, targets: Tensor, floor: float = FLOOR) -> Tensor:
    """Code length in nats of every cell; targets are a pack's numbers behind the features, (numbers, rows)."""
    n = net.n
    low, width, spike, repeat = (targets[i * n : (i + 1) * n] for i in range(4))
    inverse = torch.exp(-outputs[:, SCALE].clamp(FINEST, COARSEST))
    u = (low - outputs[:, MEAN]) * inverse
    v = (width * inverse).clamp(1e-9, 1e9)
    cell = Mixture.apply(u, v, torch.softmax(net.weight, -1), net.offset, net.narrowness())  # type: ignore[no-untyped-call]
    cell = cell.clamp_min(math.exp(floor))
    is_zero = torch.sigmoid(outputs[:, SPIKE]) * net.has_spike[:, None]
    chance = cell + is_zero * (spike - cell)
    if bool(net.has_repeat.any()):
        again = torch.sigmoid(outputs[:, REPEAT]) * net.has_repeat[:, None]
        chance = torch.where((repeat > 0) & (net.has_repeat[:, None] > 0), again, chance * (1.0 - again))
    return -torch.log(chance.clamp_min(1e-30))
