"""Section 9: latents alone, and what the decoder network makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import network
from .cells import unwarp
from .conditional import Decoder
from .features import raw_latent
from .lattice import Lattice
from .model_file import Model
from .reader import CorruptDataError, Reader


def decode(model: Model, rows: int, lattices: Sequence[Lattice], reader: Reader) -> list[NDArray[np.float64]]:
    """Columns as doubles, before the cast to dtype."""
    if model.decoder is None:
        raise CorruptDataError("latent-only frame of a model without a decoder")
    k = Decoder(model, rows, lattices, [None] * model.columns, model.order[: model.latents]).decode(reader)
    inputs = [raw_latent(k[variable], shift) for _, shift, variable in model.decoder.inputs]
    y = network.run(model.decoder, np.stack(inputs, axis=1) if inputs else np.zeros((rows, 0), np.int64))
    shown = [c for c in range(model.columns) if not model.variables[c].derived]
    spiked = [c for c in shown if model.variables[c].has_spike]
    result: dict[int, NDArray[np.float64]] = {}
    with np.errstate(all="ignore"):
        for i, c in enumerate(shown):
            v = model.variables[c]
            z = np.clip(y[:, i], -131072, 131072) / 16384.0
            value = np.array([unwarp(v, x) for x in z.tolist()], np.float64)
            if v.has_spike:
                value = np.where(y[:, len(shown) + spiked.index(c)] > 0, v.spike, value)
            result[c] = _finite(np.rint(value / v.unit) * v.unit if v.unit > 0 else value)
        for c in model.order:
            if c in model.relations:
                value = np.full(rows, model.relations[c].constant)
                for column, coefficient in model.relations[c].terms:
                    value = value + coefficient * result[column]
                result[c] = _finite(value)
    return [result[c] for c in range(model.columns)]


def _finite(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(value), value, 0.0)
