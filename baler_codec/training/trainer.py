"""baler.train: from a table to a model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy.typing as npt
import torch

from ..encoders.adders import adders
from ..errors import ModelInvalidError
from ..model import Model
from ..sections import MAX_BYTES, join_sections, pack_bounds, pack_meta, pack_table
from . import autoencoder, hint_search, inputs, latent_nets, relations, report
from . import fpga as hardware
from . import order as ordering
from .clock import Clock
from .describe import describe
from .export import table_model
from .fpga import FpgaEncoder
from .grid_trainer import HIDDEN as GRID_HIDDEN
from .grid_trainer import train_grid
from .hints import Hint, parse_all
from .inputs import BoundSpec
from .integer import Net
from .lattices import Bound, Int
from .loop import Schedule, learn
from .model_file import TableModel, pack
from .net import Networks
from .packs import Layout
from .patch_trainer import HIDDEN as PATCH_HIDDEN
from .patch_trainer import train_patches
from .pool import Pool
from .prepare import analyse, with_latents
from .progress import Progress

KINDS = {"exact": 0, "abs": 1, "pw_rel": 2, "latent": 3}
DEFAULT_SECONDS = 120.0
AUTOENCODER_HIDDEN = (48, 48)
FPGA_LATENTS = 8
CALIBRATION = 40_000  # rows that set the ranges of the integers
AUTOENCODER_SHARE = 0.6  # of the steps, when there are latents


@dataclass(frozen=True)
class _Plan:
    """The settings that the parts of a training share."""

    bounds: list[Bound]
    seed: int
    width: int
    connections: int | None
    ranges: float
    hidden: tuple[int, ...]
    targets: dict[str, float]
    fidelity: float
    fpga: FpgaEncoder | None


@dataclass
class _Run:
    """What came out of one training."""

    net: Networks
    layout: Layout
    model: TableModel
    steps: int
    bits: dict[str, Any]


def train(
    array: npt.ArrayLike,
    columns: Sequence[str] | None = None,
    bound: BoundSpec | None = None,
    latent: int | str = "auto",
    *,
    hints: Iterable[str] | Mapping[str, str] | None = None,
    order: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    seed: int = 0,
    time_budget: float | None = None,
    steps: int | None = None,
    hidden: Sequence[int] | None = None,
    width: int = 16,
    connections: int | None = None,
    ranges: float = 0.3,
    targets: Mapping[str, float] | None = None,
    fidelity: float = 20.0,
    encoder: FpgaEncoder | str | None = None,
    kind: str = "table",
    chunks: Sequence[int] | None = None,
    patch: Sequence[int] | str | None = None,
    licence: str | None = None,
    progress: bool = True,
) -> Model:
    """Train a model for tables like this one, or for grids (fields, images, volumes, series).

    Parameters
    ----------
    array : array_like
        Rows × columns of integers or floats (one axis: one column), the rows in the order in which they will be
        stored: the row before is a context.
    columns : sequence of str, optional
        Names of the columns.
    bound : str, ErrorBound, mapping or sequence, optional
        Error bounds that the model will hold: one for all columns, by name (``"*"`` for all others), or by position.
        Columns without one are exact. The networks learn on many other bounds too, so that `Model.with_bound` costs
        little. ``range`` bounds are resolved with `array`.
    latent : int or "auto"
        Number of latents of an autoencoder, for latent-only coding; 0 for none. ``"auto"`` runs a short race and
        keeps latents only if they make the total smaller under `bound`.
    hints : iterable of str, or mapping, optional
        Formulas for columns, such as ``"pt = sqrt((e1 + e2)**2 - m**2) / cosh(eta)"``. Without any, simple ones
        (sums, products, ratios) are looked for; an empty list forbids that.
    order : sequence of str, optional
        Coding order; columns not named follow. By default cheap columns come first.
    units : mapping, optional
        Physical units by column, for people.
    seed : int
        The same data, settings, seed and steps give the same model on one machine.
    time_budget : float, optional
        Seconds for the training (120 unless `steps` is given). The number of steps that fit is measured once and
        written into the model as ``provenance["steps"]``; give it as `steps` to repeat a training.
    steps : int, optional
        Number of steps instead of a time.
    hidden : sequence of int
        Hidden layers of the autoencoder's encoder, mirrored in its decoder; (48, 48) by default.
    width : int
        Hidden neurons of each column's network.
    connections : int, optional
        Inputs that all networks together keep (16 for each column by default).
    ranges : float
        Share of the training that is spent on bounds of 1e-2 to 1e-5 of each column's range.
    targets : mapping, optional
        For the autoencoder: the error of a column (in its own units) that is good enough. By default the error bound,
        or a small part of the column's spread.
    fidelity : float
        For the autoencoder: what an error of the size of its target costs, in bits; of patches the target is 3 % of
        the range, and the cost grows with the square of the error.
    encoder : FpgaEncoder or "fpga", optional
        Train the autoencoder's encoder for hardware: small, of few bits, of adders alone (docs/fpga.md). `FpgaEncoder`
        says how small; `hidden` is then about the decoder. With ``latent="auto"`` it has 8 latents.
    kind : "table" or "grid"
        A grid is an array of any number of axes whose neighbours resemble each other, such as frames of a simulation.
        Its model is a network that corrects the built-in coder's predictions from neighbours and past misses; of
        these settings it knows `bound` (one), `hidden` (its own layers, (64, 32) by default), `chunks`, `seed`,
        `time_budget`, `steps`, `licence` and `progress`. With ``bound="latent"`` it is an autoencoder of patches of
        frames (`latent` numbers each), which knows `patch`, `fidelity` and `hidden` ((32,) by default) instead of
        `chunks`.
    chunks : sequence of int, optional
        For grids: the shape of the chunks that will be written.
    patch : sequence of int or "auto"
        For latent-only coding of grids: the lengths of a patch along the last axes, such as ``(8, 8)``. By default a
        few are tried on the last frames, and the one with the fewest bits at equal error is taken.
    licence : str, optional
        Of the model, for its description.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Model
    """
    if patch is not None and not (kind == "grid" and bound is not None and inputs.is_latent(bound)):
        raise ValueError('patch= is for latent-only coding of grids: kind="grid", bound="latent"')
    if kind == "grid" and bound is not None and inputs.is_latent(bound):
        if any(o is not None for o in (columns, hints, order, units, connections, targets, encoder, chunks)):
            raise ValueError(
                "an autoencoder of patches takes no columns, hints, order, units, targets, chunks or encoder"
            )
        return train_patches(
            array, latent, "auto" if patch is None else patch, fidelity=fidelity, seed=seed, time_budget=time_budget,
            steps=steps, hidden=hidden or PATCH_HIDDEN, licence=licence, progress=progress,
        )  # fmt: skip
    if kind == "grid":
        others = (columns, hints, order, units, connections, targets, encoder)
        if latent not in ("auto", 0) or any(o is not None for o in others):
            raise ValueError('kind="grid" takes no columns, latents, hints, order, units, targets or encoder')
        return train_grid(
            array, inputs.one_bound(bound), chunks=chunks, seed=seed, time_budget=time_budget, steps=steps,
            hidden=hidden or GRID_HIDDEN, licence=licence, progress=progress,
        )  # fmt: skip
    if kind != "table" or chunks is not None:
        raise ValueError('kind is "table" or "grid", and chunks= is for grids')
    began = time.monotonic()
    hidden = AUTOENCODER_HIDDEN if hidden is None else hidden
    small = inputs.encoder(encoder)
    if small is not None and latent == "auto":
        latent = FPGA_LATENTS
    data, names = inputs.table(array, columns)
    limits = inputs.bounds(bound, names, data)
    inputs.check(latent, hidden, steps, time_budget, width)
    data = inputs.sample(data)
    seconds = None if steps is not None else DEFAULT_SECONDS if time_budget is None else float(time_budget)
    kinds = [Bound(KINDS[b.kind], b.value) for b in limits]
    plan = _Plan(kinds, seed, width, connections, ranges, tuple(hidden), dict(targets or {}), fidelity, small)
    given = parse_all(hints, names)
    threads = torch.get_num_threads()
    # one thread: sums in another order would be another model
    torch.set_num_threads(1)
    try:
        with Progress(progress) as bar, torch.random.fork_rng(devices=[]):
            table = analyse(data, names, seed)
            found = relations.find(table)
            wish = inputs.order_of(order, names)
            given = [h for h in given if h.variable not in found]
            extra = hint_search.search(table, found, wish) if hints is None else []
            layout = Layout(
                table,
                ordering.choose(table, found, [*given, *extra], wish),
                found,
                {h.variable: h for h in [*given, *extra]},
            )
            rows, held = inputs.split(len(data))
            left = None if seconds is None else max(0.0, seconds - (time.monotonic() - began))
            run = _train(layout, plan, latent, rows, held, steps, left, bar)
    finally:
        torch.set_num_threads(threads)
    texts = [h.text for h in run.layout.hints.values() if isinstance(h, Hint)]
    provenance: dict[str, Any] = {
        "seed": seed,
        "steps": run.steps,
        "width": width,
        "connections": int(run.net.mask.sum()),
    }
    if run.model.latents:
        provenance["hidden"] = list(hidden)
        if small is not None:
            assert run.model.encoder is not None
            provenance["encoder"] = asdict(small) | {"kind": "fpga", "adders": adders(run.model.encoder.layers)}
    meta = describe(data, names, units, table, provenance, licence) | {"metrics": run.bits}
    if texts:
        meta["hints"] = texts
    same = len(set(limits)) == 1
    sections = {"META": pack_meta(meta), "BNDS": pack_bounds(limits[:1] if same else limits)}
    raw = join_sections(sections | pack_table(pack(run.model)))
    if len(raw) > MAX_BYTES:
        raise ModelInvalidError(f"the model takes {len(raw)} bytes, the format allows {MAX_BYTES}: use smaller layers")
    return Model.from_bytes(raw)


def _train(
    layout: Layout,
    plan: _Plan,
    latent: int | str,
    rows: Int,
    held: Int,
    steps: int | None,
    seconds: float | None,
    bar: Progress,
) -> _Run:
    """Train with the latents asked for, or with those that win the race."""
    race: dict[str, float] = {}
    if latent == "auto":
        latent = 0
        if len(rows) >= 5000 and plan.bounds[0].kind != KINDS["latent"]:
            part = (None if steps is None else steps // 20), (None if seconds is None else seconds / 20)
            race = {str(n): _one(layout, plan, n, rows, held, *part, bar).bits["bits_per_row"] for n in (0, 2)}
            if race["2"] < 0.995 * race["0"]:
                latent = 2
            steps = None if steps is None else steps - 2 * (steps // 20)
            seconds = None if seconds is None else 0.9 * seconds
    elif plan.bounds[0].kind == KINDS["latent"] and latent == 0:
        raise ValueError('the bound "latent" needs an autoencoder: give latent=4, for example')
    run = _one(layout, plan, int(latent), rows, held, steps, seconds, bar)
    if race:
        run.bits["bits_per_row_of_race_by_latents"] = race  # short trainings, true bits with the latents' own
    return run


def _one(
    layout: Layout,
    plan: _Plan,
    latents: int,
    rows: Int,
    held: Int,
    steps: int | None,
    seconds: float | None,
    bar: Progress,
) -> _Run:
    """Train one model."""
    torch.manual_seed(plan.seed)
    nets: tuple[Net, Net] | None = None
    done = 0
    if latents and layout.coded:
        clock = Clock(
            None if steps is None else round(steps * AUTOENCODER_SHARE),
            None if seconds is None else seconds * AUTOENCODER_SHARE,
        )
        layout, nets = _autoencode(layout, plan, latents, rows, clock, bar)
        done += clock.done
        steps = None if steps is None else steps - clock.done
        seconds = None if seconds is None else seconds * (1 - AUTOENCODER_SHARE)
    net = Networks(layout, plan.width)
    sample = torch.zeros(1, layout.width)
    if net.n:
        clock = Clock(steps, seconds)
        pool = Pool(layout, rows, plan.bounds, plan.seed, ranges=plan.ranges)
        kept = plan.connections if plan.connections is not None else 16 * net.n
        learn(net, pool, clock, Schedule(kept), plan.seed, bar)
        done += clock.done
        every = torch.from_numpy(pool.data)
        sample = every[torch.randperm(len(every), generator=torch.Generator().manual_seed(plan.seed))[:CALIBRATION]]
    model = table_model(net, layout, sample)
    if nets is not None:
        model = replace(model, latents=latents, encoder=nets[0], decoder=nets[1])
    bits = report.measure(net, layout, plan.bounds, held) if net.n else {"bits_per_row": 0.0}
    return _Run(net, layout, model, done, bits)


def _autoencode(
    layout: Layout, plan: _Plan, latents: int, rows: Int, clock: Clock, bar: Progress
) -> tuple[Layout, tuple[Net, Net]]:
    """Train encoder and decoder; the latents become variables that are coded before the columns."""
    table = layout.table
    goals = autoencoder.targets_of(table, plan.bounds, plan.targets)
    seen = autoencoder.prepare(table, layout.coded, goals)
    model = hardware.build(seen, plan.hidden, latents, plan.fpga)
    autoencoder.fit(model, seen, rows, plan.fidelity, clock, plan.seed, bar)
    made = latent_nets.convert(model, seen, rows)
    longer = with_latents(table, made.latents, made.reach)
    order = [table.n_columns + i for i in range(latents)] + layout.order
    return Layout(longer, order, layout.relations, layout.hints), (made.encoder, made.decoder)
