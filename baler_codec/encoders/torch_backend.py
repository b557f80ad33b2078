"""The encoder in torch, on a GPU where there is one."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model import Model
from .backend import EncoderBackend
from .spec import EncoderSpec

_ROWS = 1 << 16  # at once


class Torch(EncoderBackend):
    """Integers held in doubles: sums stay below 2^31, so every one is exact, in any order and on any device."""

    name = "torch"

    def __init__(self, spec: EncoderSpec, model: Model) -> None:
        super().__init__(spec, model)
        import torch

        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._layers: list[tuple[Any, Any, Any, float]] = []
        for layer in spec.layers:
            half = np.where(layer.shift > 0, 2.0 ** (layer.shift - 1.0), 0.0)
            parts = (layer.weight.T, layer.bias + half, 2.0**-layer.shift)
            weight, bias, scale = (torch.from_numpy(p.astype(np.float64, order="C")).to(self._device) for p in parts)
            self._layers.append((weight, bias, scale, 2.0**-layer.activation))
        limits = np.array(spec.latents, np.float64).T
        self._low, self._high = (torch.tensor(limit, device=self._device) for limit in limits)

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this backend cannot run here; None if it can."""
        found = importlib.util.find_spec("torch") is not None
        return None if found else "torch is not installed: pip install 'baler-codec[train]'"

    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents."""
        import torch

        out = np.empty((len(inputs), len(self.spec.latents)), np.int32)
        with torch.no_grad():
            for start in range(0, len(inputs), _ROWS):
                part = inputs[start : start + _ROWS].astype(np.float64)
                first = now = torch.from_numpy(part).to(self._device)
                for i, (weight, bias, scale, slope) in enumerate(self._layers):
                    last = i == len(self._layers) - 1
                    if last and self.spec.skip:
                        now = torch.cat([now, first], 1)
                    now = torch.floor((now @ weight + bias) * scale)
                    if not last:
                        now = now.clamp(-32768.0, 32767.0)
                        now = torch.where(now < 0, torch.floor(now * slope), now)
                now = now.clamp(self._low, self._high)
                out[start : start + _ROWS] = now.to(torch.int32).cpu().numpy()
        return out
