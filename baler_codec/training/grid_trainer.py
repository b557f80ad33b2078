"""baler.train(…, kind="grid"): from a field, image, volume or series to a model."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..bound import ErrorBound, finite_range
from ..errors import BoundError, DTypeError, ShapeError
from ..model import Model
from ..sections import join_sections, pack_bounds, pack_meta
from .clock import Clock
from .describe import origin
from .grid_features import Inputs, default_inputs
from .grid_network import IntegerNet, Network, Pool, convert, learn
from .grid_pieces import PIECES, Pieces, default_chunk, extents_of, piece_shape
from .model_file import pack_layers
from .progress import Progress

DEFAULT_SECONDS = 120.0
HIDDEN = (64, 32)
CALIBRATION = 100_000


def train_grid(
    array: npt.ArrayLike,
    bound: ErrorBound,
    *,
    chunks: Sequence[int] | None = None,
    seed: int = 0,
    time_budget: float | None = None,
    steps: int | None = None,
    hidden: Sequence[int] = HIDDEN,
    licence: str | None = None,
    progress: bool = True,
) -> Model:
    """Train a model for grids like this one; the settings are those of `baler.train`."""
    data = numbers_of(array)
    limit = _bound(bound, data)
    shape = _chunks(chunks, data.shape)
    if steps is not None and time_budget is not None:
        raise ValueError("give steps or time_budget, not both")
    if (steps is not None and steps < 0) or (time_budget is not None and not time_budget >= 0):
        raise ValueError("steps and time_budget cannot be negative")
    if not 1 <= len(hidden) <= 5 or not all(1 <= h <= 256 for h in hidden):
        raise ValueError(f"hidden={tuple(hidden)!r}: give 1 to 5 layers of 1 to 256 neurons")
    piece = piece_shape(shape)
    axes = sum(n > 1 for n in extents_of(piece))
    if not axes:
        raise ShapeError("chunks of one value cannot be trained on: give chunks= with longer axes")
    seconds = None if steps is not None else DEFAULT_SECONDS if time_budget is None else float(time_budget)
    inputs = default_inputs(axes)
    threads = torch.get_num_threads()
    # one thread: sums in another order would be another model
    torch.set_num_threads(1)
    try:
        with Progress(progress) as bar, torch.random.fork_rng(devices=[]):
            clock = Clock(steps, seconds)
            torch.manual_seed(seed)
            some = PIECES if steps is None else min(PIECES, 2 + steps // 20)  # short trainings need few
            pool = Pool(Pieces(data, piece, limit, inputs, seed), some)
            net = Network(len(inputs), hidden)
            cost = learn(net, pool, clock, seed, bar) if len(pool.x) else 0.0
            sample = pool.x[:: max(1, len(pool.x) // CALIBRATION)] if len(pool.x) else torch.zeros(1, len(inputs))
            whole = convert(net, sample)
    finally:
        torch.set_num_threads(threads)
    provenance: dict[str, Any] = {
        "dtype": data.dtype.str,
        "shape": list(data.shape),
        "chunks": list(shape),
        "seed": seed,
        "steps": clock.done,
        "hidden": list(hidden),
        **origin(data, licence),
    }
    meta = {
        "ranges": [list(finite_range(data))],
        "provenance": provenance,
        "metrics": {"bits_per_value_in_training": round(cost, 4)},
    }
    sections = {"META": pack_meta(meta), "BNDS": pack_bounds([limit]), "GRID": pack_grid(axes, inputs, whole)}
    return Model.from_bytes(join_sections(sections))


def pack_grid(axes: int, inputs: Inputs, net: IntegerNet) -> bytes:
    """Write the GRID section of a model file."""
    parts = [struct.pack("<BBBBH", axes, 0, len(net.layers), 1, len(inputs))]
    parts += [struct.pack("<B4b", kind, *offset) for kind, offset in inputs]
    return b"".join(parts) + pack_layers(net.layers)


def numbers_of(array: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return the array as numbers in native byte order, or say why it cannot be trained on."""
    data = np.asarray(array)
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind not in "iuf" or data.dtype.itemsize > 8:
        raise DTypeError(f"dtype {data.dtype} cannot be trained on: integers, float16, float32 and float64 can")
    if data.ndim == 0 or data.size == 0:
        raise ShapeError(f"an array of shape {data.shape} has nothing to learn from")
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _bound(wanted: ErrorBound, data: npt.NDArray[Any]) -> ErrorBound:
    if wanted.kind == "latent":
        raise BoundError('the bound "latent" is for tables: a grid\'s model has no autoencoder')
    wanted.require(data.dtype)
    return wanted.resolve(data)


def _chunks(chunks: Sequence[int] | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    if chunks is None:
        return default_chunk(shape)
    found = tuple(int(n) for n in chunks)
    if len(found) != len(shape) or any(n < 1 for n in found):
        raise ShapeError(f"chunks={found} for an array of shape {shape}: give one length of at least 1 for each axis")
    return tuple(min(n, s) for n, s in zip(found, shape, strict=True))
