"""Section 9: latents alone, and what the decoder network makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import network
from .cells import unwarp
from .conditional import Decoder
from .features import raw_latent
from .lattice import Lattice, OrdinalIntegers
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


def decode_patches(model: Model, shape: tuple[int, ...], reader: Reader) -> NDArray[np.float64]:
    """A chunk of patches as doubles, before the cast to dtype."""
    axes = len(model.patch)
    frames, extents = math.prod(shape[: len(shape) - axes]), shape[len(shape) - axes :]
    tiles = [-(-n // p) for n, p in zip(extents, model.patch, strict=True)]
    rows = frames * math.prod(tiles)
    lattices = [OrdinalIntegers(np.dtype("<i8"))] * model.columns  # of the columns, which are not there
    cells = np.stack(decode(model, rows, lattices, reader), axis=1)
    if model.frames_fastest:
        cells = cells.reshape(math.prod(tiles), frames, -1).transpose(1, 0, 2)
    whole = np.empty((frames, *(t * p for t, p in zip(tiles, model.patch, strict=True))))
    for row, patch in enumerate(cells.reshape(rows, *model.patch)):
        frame, tile = divmod(row, math.prod(tiles))
        place = np.unravel_index(tile, tiles)
        whole[(frame, *(slice(i * p, i * p + p) for i, p in zip(place, model.patch, strict=True)))] = patch
    return whole[(slice(None), *map(slice, extents))].reshape(shape)


def _finite(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(value), value, 0.0)
