"""Section 7.1: network arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .model_file import Net


def run(net: Net, inputs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(rows, inputs) of int16 range to (rows, outputs) of int32 range."""
    x = inputs
    for i, layer in enumerate(net.layers):
        last = i == len(net.layers) - 1
        if last and net.skip:
            x = np.concatenate([x, inputs], axis=1)
        half = np.where(layer.shift > 0, 1 << np.maximum(layer.shift - 1, 0), 0)
        sums = x.astype(np.float64) @ layer.weight.T.astype(np.float64)  # integers below 2^31: exact, and fast
        y = (sums.astype(np.int64) + layer.bias + half) >> layer.shift
        if last:
            return y
        y = np.clip(y, -32768, 32767)
        x = np.where(y < 0, y >> layer.activation, y)
    raise AssertionError("a net has a layer")
