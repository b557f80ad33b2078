"""Section 7.1: network arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .model_file import Net


# Integers below 2^31 are exact in doubles, whose products of matrices are fast; with np.int64 the same comes out.
SUMS: type[np.generic] = np.float64


def run(net: Net, inputs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(rows, inputs) of int16 range to (rows, outputs) of int32 range."""
    x = inputs
    for i, layer in enumerate(net.layers):
        last = i == len(net.layers) - 1
        if last and net.skip:
            x = np.concatenate([x, inputs], axis=1)
        half = np.where(layer.shift > 0, 1 << np.maximum(layer.shift - 1, 0), 0)
        sums = x.astype(SUMS) @ layer.weight.T.astype(SUMS)
        y = (sums.astype(np.int64) + layer.bias + half) >> layer.shift
        if last:
            return y
        y = np.clip(y, -32768, 32767)
        x = np.where(y < 0, y >> layer.activation, y)
    raise AssertionError("a net has a layer")
