"""The conditional networks of all variables, computed at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .packs import HINT, REPEAT_FLAG, SPIKE_FLAG, Layout

MEAN, SCALE, SPIKE, REPEAT = range(4)
SLOPE = 2.0**-4
FINEST, COARSEST = -8.9, 2.05  # natural log of the scale: the format's table ends near these
COMPONENTS = 3
BYTE = 127.0  # largest weight of a hidden layer


class Networks(nn.Module):
    """One network per coded variable: features -> hidden layer -> mean, log scale, spike logit, repeat logit.

    The output layer also sees the features. A mask says which feature each network is connected to.
    """

    mask: Tensor
    has_spike: Tensor
    has_repeat: Tensor

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        self.hidden, self.n, self.f = hidden, len(layout.coded), len(layout.features)
        n, f = self.n, self.f
        self.short = False  # hidden layers see weights of 8 bits
        self.register_buffer("mask", torch.from_numpy(layout.allowed()).float())
        kinds = [{v for k, v in layout.features if k == kind} for kind in (SPIKE_FLAG, REPEAT_FLAG)]
        self.register_buffer("has_spike", torch.tensor([float(v in kinds[0]) for v in layout.coded]))
        self.register_buffer("has_repeat", torch.tensor([float(v in kinds[1]) for v in layout.coded]))
        self.own_hint = [layout.place.get((HINT, v)) for v in layout.coded]
        fan = self.mask.sum(0).clamp_min(1.0)
        scale = self.mask / fan.sqrt()
        self.w1 = nn.Parameter(torch.randn(f, n, hidden) * scale[..., None])
        self.b1 = nn.Parameter(torch.randn(n, hidden) * 0.3)
        self.w2 = nn.Parameter(torch.randn(n, hidden, 4) * 0.1 / hidden**0.5)
        self.b2 = nn.Parameter(torch.zeros(n, 4))
        self.skip = nn.Parameter(torch.zeros(f, n, 4))
        self.weight = nn.Parameter(torch.zeros(n, COMPONENTS))
        self.offset = nn.Parameter(torch.linspace(-0.6, 0.6, COMPONENTS).repeat(n, 1))
        self.log_width = nn.Parameter(torch.full((n, COMPONENTS), -0.6))

    def first_weights(self) -> Tensor:
        """Weights of the hidden layers, (features, variables, hidden), rounded to 8 bits where that is the plan."""
        w = self.w1 * self.mask[..., None]
        if not self.short:
            return w
        with torch.no_grad():
            step = w.abs().amax(0).clamp_min(1e-9) / BYTE
            rounded = torch.round(w / step) * step
        return w + (rounded - w).detach()

    def activations(self, x: Tensor) -> Tensor:
        """Hidden values, (rows, variables, hidden)."""
        pre = x @ self.first_weights().reshape(self.f, -1)
        return nn.functional.leaky_relu(pre.view(-1, self.n, self.hidden) + self.b1, SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, (4, variables, rows)."""
        h = self.activations(x)
        y = torch.bmm(h.transpose(0, 1), self.w2)
        skip = x @ (self.skip * self.mask[..., None]).reshape(self.f, -1)
        return (y + skip.view(-1, self.n, 4).transpose(0, 1) + self.b2[:, None]).permute(2, 0, 1)
