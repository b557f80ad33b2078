"""The conditional networks of all variables, computed at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .packs import HINT, REPEAT_FLAG, SPIKE_FLAG, Layout

MEAN, SCALE, SPIKE, REPEAT = range(4)
OUTPUTS = 4
SLOPE = 2.0**-4
FINEST, COARSEST = -8.9, 2.05  # natural log of the scale: the format's table ends near these
COMPONENTS = 3
NARROWEST = 4.0
BYTE = 127.0  # largest weight of a hidden layer


class Networks(nn.Module):
    """One network per coded variable: features -> hidden layer -> mean, log scale, spike logit, repeat logit.

    The output layer also sees the features. A mask says which features each network is connected to; only those are
    gathered and multiplied. Rows run along the last axis everywhere.
    """

    mask: Tensor  # (features, variables)
    has_spike: Tensor
    has_repeat: Tensor
    used: Tensor  # (variables, most inputs of any): feature of every input
    real: Tensor  # the same: 1 where there is an input, 0 where it only fills up

    def __init__(self, layout: Layout, hidden: int) -> None:
        super().__init__()
        self.hidden, self.n, self.f = hidden, len(layout.coded), len(layout.features)
        n, f = self.n, self.f
        self.short = False  # hidden layers see weights of 8 bits
        kinds = [{v for k, v in layout.features if k == kind} for kind in (SPIKE_FLAG, REPEAT_FLAG)]
        self.register_buffer("has_spike", torch.tensor([float(v in kinds[0]) for v in layout.coded]))
        self.register_buffer("has_repeat", torch.tensor([float(v in kinds[1]) for v in layout.coded]))
        self.own_hint = [layout.place.get((HINT, v)) for v in layout.coded]
        self.register_buffer("mask", torch.zeros(f, n))
        self.register_buffer("used", torch.zeros(n, 0, dtype=torch.int64))
        self.register_buffer("real", torch.zeros(n, 0))
        self.connect(torch.from_numpy(layout.allowed()))
        first = torch.randn(n, hidden, f) / self.mask.sum(0).clamp_min(1.0).sqrt()[:, None, None]
        # hidden layer and direct connections see the same inputs: one matrix
        self.first = nn.Parameter(torch.cat([first, torch.zeros(n, OUTPUTS, f)], 1))
        self.first_bias = nn.Parameter(torch.cat([torch.randn(n, hidden) * 0.3, torch.zeros(n, OUTPUTS)], 1))
        self.last = nn.Parameter(torch.randn(n, OUTPUTS, hidden) * 0.1 / hidden**0.5)
        self.weight = nn.Parameter(torch.zeros(n, COMPONENTS))
        self.offset = nn.Parameter(torch.linspace(-0.6, 0.6, COMPONENTS).repeat(n, 1))
        self.log_width = nn.Parameter(torch.full((n, COMPONENTS), -0.6))

    def narrowness(self) -> Tensor:
        """Inverse widths of the shapes' components, in scales: limited, or the scale would no longer say how sharp."""
        return torch.exp(-self.log_width).clamp_max(NARROWEST)

    def connect(self, mask: Tensor) -> None:
        """Set which features the networks see."""
        self.mask = mask.float()
        most = max(1, int(self.mask.sum(0).max())) if self.n else 1
        order = self.mask.t().sort(dim=1, descending=True, stable=True)
        self.used, self.real = order.indices[:, :most].contiguous(), order.values[:, :most].contiguous()

    def weights(self) -> Tensor:
        """Weights on the inputs in use, (variables, hidden and outputs, inputs)."""
        index = self.used[:, None, :].expand(-1, self.hidden + OUTPUTS, -1)
        w = self.first.gather(2, index) * self.real[:, None, :]
        if not self.short:
            return w
        with torch.no_grad():
            h = w[:, : self.hidden]
            step = h.abs().amax(2, keepdim=True).clamp_min(1e-9) / BYTE
            error = torch.zeros_like(w)
            error[:, : self.hidden] = torch.round(h / step) * step - h
        return w + error

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden values and direct outputs of features (features, rows)."""
        inputs = x.index_select(0, self.used.flatten()).view(self.n, -1, x.shape[1])
        y = torch.baddbmm(self.first_bias[..., None], self.weights(), inputs)
        return nn.functional.leaky_relu(y[:, : self.hidden], SLOPE), y[:, self.hidden :]

    def forward(self, x: Tensor) -> Tensor:
        """Compute outputs (variables, 4, rows) of features (features, rows)."""
        hidden, direct = self.both(x)
        return torch.baddbmm(direct, self.last, hidden)
