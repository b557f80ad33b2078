"""The code length that the integer coder will need, as a differentiable function."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .net import COARSEST, FINEST, MEAN, REPEAT, SCALE, SPIKE, Networks

FLOOR = -13.0  # an escape costs about this much
NATS = 1.0 / 0.6931471805599453


def nats(net: Networks, outputs: Tensor, targets: Tensor) -> Tensor:
    """Code length of every cell that is coded, (variables, rows); masked cells are free."""
    n = net.n
    return code_lengths(net, outputs, targets) * targets.t()[4 * n : 5 * n]


def code_lengths(net: Networks, outputs: Tensor, targets: Tensor, floor: float = FLOOR) -> Tensor:
    """Code length in nats of every cell; targets are a pack's numbers behind the features."""
    n = net.n
    t = targets.t()
    low, width, spike, repeat = (t[i * n : (i + 1) * n] for i in range(4))
    inverse = torch.exp(-outputs[SCALE].clamp(FINEST, COARSEST))
    u = (low - outputs[MEAN]) * inverse
    v = width * inverse
    narrow = torch.exp(-net.log_width)
    a = (u[..., None] - net.offset[:, None]) * narrow[:, None]
    d = (v[..., None] * narrow[:, None]).clamp_min(1e-9)
    # log(F(a + d) - F(a)) of a logistic, stable for narrow and far cells
    mass = functional.logsigmoid(a + d) + functional.logsigmoid(-a) + torch.log(-torch.expm1(-d))
    cell = torch.logsumexp(torch.log_softmax(net.weight, -1)[:, None] + mass, -1).clamp_min(floor)
    logit = outputs[SPIKE] * net.has_spike[:, None] - 30.0 * (1.0 - net.has_spike[:, None])
    rest = cell + functional.logsigmoid(-logit)
    own = torch.where(spike > 0, torch.logaddexp(rest, functional.logsigmoid(logit)), rest)
    if net.has_repeat.any():
        again = outputs[REPEAT] * net.has_repeat[:, None] - 30.0 * (1.0 - net.has_repeat[:, None])
        both = own + functional.logsigmoid(-again)
        own = torch.where((repeat > 0) & (net.has_repeat[:, None] > 0), functional.logsigmoid(again), both)
    return -own
