"""Tables drawn from a model: the decoder fed with chance. Such data are what the model codes best, whatever it is."""

from __future__ import annotations

from typing import Any

import models
import numpy as np
from numpy.typing import NDArray
from twin.conditional import Decoder
from twin.frame import read_model
from twin.lattice import Lattice
from twin.lattice import lattice as make_lattice
from twin.model_file import Model


class _Slots:
    """In place of the rANS stream."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.state = [0]

    def slot(self, lane: int) -> int:
        return int(self.rng.integers(1 << 16))

    def advance(self, lane: int, start: int, freq: int) -> None:
        pass


class _Bits:
    """In place of the bit stream; 7 bits are the length of an escape, which stays short."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def get(self, n: int) -> int:
        return int(self.rng.integers(24)) if n == 7 else int.from_bytes(self.rng.bytes(8), "little") & ((1 << n) - 1)


class _Residuals:
    """In place of a table of residuals: mostly 0."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def decode(self, rans: _Slots, lane: int) -> int:
        return int(self.rng.choice([8, 8, 8, 8, 7, 9, 0, 16, 17]))


def lattices(model: Model, dtype: np.dtype[Any]) -> list[Lattice]:
    columns = range(model.columns)
    return [make_lattice(dtype, *model.bound(c), model.variables[c].unit, model.variables[c].noise) for c in columns]


def sample(
    model_bytes: bytes, dtype: str, rows: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.int32] | None]:
    """A table (rows, columns) that the model finds likely, and the latents (rows, latents) that go with it."""
    model = read_model(model_bytes)
    decoder = Decoder(model, rows, lattices(model, np.dtype(dtype)), [None] * model.columns)
    decoder.rans, decoder.bits = _Slots(rng), _Bits(rng)  # type: ignore[assignment]
    decoder.residuals = {v: [_Residuals(rng)] * 3 for v in model.relations}  # type: ignore[dict-item, list-item]
    decoder.slices()
    columns = [lattice.restore(k) for lattice, k in zip(decoder.lattices, decoder.k[: model.columns], strict=False)]
    latents = np.stack(decoder.k[model.columns :], axis=1).astype(np.int32) if model.latents else None
    return np.stack(columns, axis=1), latents


def random_bounds(rng: np.random.Generator, columns: int) -> list[tuple[int, float]]:
    def one() -> tuple[int, float]:
        kind = int(rng.integers(3))
        return kind, [0.0, float(10.0 ** rng.uniform(-5, 1)), float(10.0 ** rng.uniform(-6, -0.5))][kind]

    return [one() for _ in range(columns)] if rng.integers(2) else [one()]


def random_case(
    seed: int, dtype: str, rows: int, n_latents: int = 0, latent_only: bool = False
) -> tuple[models.Model, NDArray[Any], NDArray[np.int32] | None]:
    """A random model, a table that it codes well, with a few exceptions in it, and the table's latents."""
    rng = np.random.default_rng(seed)
    columns = int(rng.integers(1, 7))
    scale = 10.0 ** rng.integers(-1, 4, columns)
    data = rng.normal(size=(400, columns)) * scale + rng.normal(size=columns) * 10
    info = None if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    training = (data if info is None else np.clip(data, info.min, info.max)).astype(dtype)
    bounds = [(models.LATENT, 0.0)] if latent_only else random_bounds(rng, columns)
    model = models.random_model(rng, training, bounds, n_latents)
    table, latents = sample(model.pack(), dtype, rows, rng)
    if info is None and rng.integers(2):
        where = rng.random(table.shape) < 0.03
        table[where] = rng.choice(np.array([np.nan, np.inf, -0.0, 1e-40, 60000.0], dtype), where.sum())
    return model, table, latents
