"""baler.train(…, kind="grid", bound="latent"): an autoencoder for patches of images and frames."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..bound import ErrorBound, finite_range
from ..codec import Baler
from ..model import Model
from ..sections import join_sections, pack_bounds, pack_meta
from . import autoencoder, latent_nets, patches
from . import fpga as hardware
from .autoencoder import LARGEST_LATENT, Rows
from .clock import Clock
from .describe import origin
from .export import table_model
from .grid_trainer import numbers_of
from .inputs import MOST_LATENTS
from .lattices import EXACT, Bound, Int
from .loop import Schedule, learn
from .model_file import TableModel, pack_net, pack_variable
from .net import Networks
from .packs import Layout
from .pool import Pool
from .prepare import Table, with_latents
from .progress import Progress

DEFAULT_SECONDS = 120.0
HIDDEN = (32,)
TARGET = 0.03  # of the range: the error that `fidelity` prices
LARGEST_ERROR = 8.0  # in z: below it the loss is the squared error
MOST_ROWS = 60_000
MOST_VALUES = 20_000_000  # of arrays that are looked at as a whole
WIDTH = 6  # hidden neurons of the latents' own networks
CONNECTIONS = 8  # inputs of each
SHARE = 0.7  # of the training that the autoencoder gets
RACE = 0.08  # of the training for each size of patches that is tried


@dataclass(frozen=True)
class _Plan:
    latents: int
    hidden: tuple[int, ...]
    fidelity: float
    seed: int


def train_patches(
    array: npt.ArrayLike,
    latents: int | str,
    patch: Sequence[int] | str = "auto",
    *,
    fidelity: float = 20.0,
    seed: int = 0,
    time_budget: float | None = None,
    steps: int | None = None,
    hidden: Sequence[int] = HIDDEN,
    licence: str | None = None,
    progress: bool = True,
) -> Model:
    """Train an autoencoder for patches of frames like these; the settings are those of `baler.train`."""
    whole = numbers_of(array)
    data = patches.sample(whole, MOST_VALUES)
    if not isinstance(latents, int) or isinstance(latents, bool) or not 1 <= latents <= MOST_LATENTS:
        raise ValueError(f"latent={latents!r}: latent-only coding of grids needs a number from 1 to {MOST_LATENTS}")
    if steps is not None and time_budget is not None:
        raise ValueError("give steps or time_budget, not both")
    if (steps is not None and steps < 0) or (time_budget is not None and not time_budget >= 0):
        raise ValueError("steps and time_budget cannot be negative")
    if not 1 <= len(hidden) <= 5 or not all(1 <= h <= 1024 for h in hidden):
        raise ValueError(f"hidden={tuple(hidden)!r}: give 1 to 5 layers of 1 to 1024 neurons")
    if isinstance(patch, str) and patch != "auto":
        raise ValueError(f'patch={patch!r}: give the lengths of a patch, such as (8, 8), or "auto"')
    tried = patches.candidates(data.shape) if isinstance(patch, str) else [patches.check(patch, data.shape)]
    plan = _Plan(latents, tuple(hidden), fidelity, seed)
    seconds = None if steps is not None else DEFAULT_SECONDS if time_budget is None else float(time_budget)
    threads = torch.get_num_threads()
    # one thread: sums in another order would be another model
    torch.set_num_threads(1)
    race: dict[str, float] = {}
    try:
        with Progress(progress) as bar, torch.random.fork_rng(devices=[]):
            began = time.monotonic()
            if len(tried) > 1:
                known, held = _split(data)
                part = (None if steps is None else round(RACE * steps), None if seconds is None else RACE * seconds)
                for size in tried:
                    race["x".join(map(str, size))] = _cost(_train(known, size, plan, *part, bar)[0], held, plan, data)
                tried = [tried[list(race.values()).index(min(race.values()))]]
                steps = None if steps is None else steps - len(race) * round(RACE * steps)
                seconds = None if seconds is None else max(0.0, seconds - (time.monotonic() - began))
            model, done = _train(data, tried[0], plan, steps, seconds, bar)
    finally:
        torch.set_num_threads(threads)
    provenance: dict[str, Any] = {
        "dtype": whole.dtype.str,
        "shape": list(whole.shape),
        "patch": list(tried[0]),
        "seed": seed,
        "steps": done,
        "hidden": list(hidden),
        "fidelity": fidelity,
        **origin(whole, licence),
    }
    metrics = {"bits_per_value_of_race_by_patch": {k: round(v, 4) for k, v in race.items()}} if race else {}
    meta = {"ranges": [list(finite_range(whole))], "provenance": provenance, "metrics": metrics}
    return Model.from_bytes(_file(meta, model))


def _file(meta: dict[str, Any], patched: bytes) -> bytes:
    bounds = pack_bounds([ErrorBound("latent")])
    return join_sections({"META": pack_meta(meta), "BNDS": bounds, "PTCH": patched})


def _split(data: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Frames to learn from and frames to compare on: the last ones, if there are enough."""
    last = len(data) // 5
    return (data[:-last], data[-last:]) if data.ndim > 2 and last else (data, data)


def _cost(section: bytes, held: npt.NDArray[Any], plan: _Plan, data: npt.NDArray[Any]) -> float:
    """Measure true bits a value on frames not seen, at equal error: error is paid for at the going rate."""
    codec = Baler(Model.from_bytes(_file({}, section)))
    frame = codec.encode(held)
    decoded = np.asarray(codec.decode(frame)).view(held.dtype).reshape(held.shape)
    with np.errstate(invalid="ignore"):
        off = np.nan_to_num(decoded.astype(np.float64) - held.astype(np.float64))
    low, high = finite_range(data)
    error = float(np.mean(off**2)) / max(TARGET * (high - low), 1e-300) ** 2
    return float(8 * len(bytes(frame)) / held.size + 0.5 * plan.fidelity * error)


def _train(
    data: npt.NDArray[Any],
    patch: tuple[int, ...],
    plan: _Plan,
    steps: int | None,
    seconds: float | None,
    bar: Progress,
) -> tuple[bytes, int]:
    """Train for one size of patches: section PTCH, and the steps that it took."""
    torch.manual_seed(plan.seed)
    generator = np.random.default_rng(plan.seed)
    low, high = finite_range(data)
    middle, half = low / 2 + high / 2, max(high / 2 - low / 2, 1e-3 * max(abs(low), abs(high)), 1e-30)
    ends = np.array([middle - 2 * half, middle + 2 * half], np.float32)  # of z = -4 and 4

    def rows_of(values: npt.NDArray[Any]) -> Rows:
        known = np.isfinite(values)
        z = np.interp(np.where(known, values, middle), ends.astype(np.float64), [-4.0, 4.0]).astype(np.float32)
        weight = np.where(known, 1 / LARGEST_ERROR, 0.0).astype(np.float32)
        n = z.shape[1]
        flags = torch.zeros(len(z), 0)
        return Rows(n, list(range(n)), [], torch.from_numpy(z * known), flags, torch.from_numpy(weight))

    placed = patches.cut(data, patch, False)
    placed = placed[generator.permutation(len(placed))[: MOST_ROWS // 2]]
    some = patches.anywhere(data, patch, MOST_ROWS - len(placed), generator) if data.size > placed.shape[1] else placed
    rows = rows_of(np.concatenate([placed, some]))
    clock = Clock(None if steps is None else round(SHARE * steps), None if seconds is None else SHARE * seconds)
    # a range is 4 in z; the loss counts half the square of the error over LARGEST_ERROR
    price = plan.fidelity * (LARGEST_ERROR / (4 * TARGET)) ** 2
    every = np.arange(len(rows.z))
    net = hardware.build(rows, plan.hidden, plan.latents, None)
    autoencoder.fit(net, rows, every, price, clock, plan.seed, bar)
    made = latent_nets.convert(net, rows, every)

    def latents_of(part: npt.NDArray[Any], frames_fastest: bool) -> Int:
        inputs = latent_nets.encoder_inputs(rows_of(patches.cut(part, patch, frames_fastest)))
        return np.clip(latent_nets.run(made.encoder, inputs), -LARGEST_LATENT, LARGEST_LATENT)

    tiles = max(1, data.size // rows.columns)
    parts = patches.shifted(data, patch, max(1, min(6, MOST_ROWS // tiles)))
    orders = [_cost_of_steps(latents_of(data, fastest)) for fastest in (False, True)]
    frames_fastest = data.ndim > len(patch) and orders[1] < orders[0]
    values = np.concatenate([latents_of(part, frames_fastest) for part in parts])
    own_clock = Clock(None if steps is None else steps - clock.done, None if seconds is None else (1 - SHARE) * seconds)
    variables = _latent_model(values, plan.seed, own_clock, bar)
    head = struct.pack("<HBB", plan.latents, len(patch), frames_fastest) + struct.pack(f"<{len(patch)}H", *patch)
    head += struct.pack("<B2f2b", 2, *ends, -32, 32)
    records = b"".join(pack_variable(v) for v in variables.variables)
    nets = [replace(n, inputs=[(kind, s, v + rows.columns) for kind, s, v in n.inputs]) for n in variables.nets]
    nets += [made.encoder, made.decoder]
    return head + records + b"".join(pack_net(n) for n in nets), clock.done + own_clock.done


def _cost_of_steps(latents: Int) -> float:
    """Say how far, in bits, latents are from those of the row before."""
    if len(latents) < 2:
        return 0.0
    return float(np.log2(np.diff(latents, axis=0).std(0) + 0.3).sum())


def _latent_model(values: Int, seed: int, clock: Clock, bar: Progress) -> TableModel:
    """Networks for the latents, which see earlier ones and those of the row before: a table of whole numbers."""
    count = values.shape[1]
    nothing = np.zeros((len(values), 0))
    table = with_latents(Table([], nothing, nothing.astype(bool), np.dtype(np.float64), 0), values)
    layout = Layout(replace(table, n_columns=count), list(range(count)), {}, {}, widths=False)
    net = Networks(layout, WIDTH)
    pool = Pool(layout, np.arange(len(values)), [Bound(EXACT)] * count, seed, ranges=0.0, random=0.0)
    learn(net, pool, clock, Schedule(CONNECTIONS * count), seed, bar)
    return table_model(net, layout, torch.from_numpy(pool.data))
