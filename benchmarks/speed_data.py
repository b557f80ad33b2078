"""What speed is measured on: tables and grids of any size; a simulation, which says so, for what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .bounds import Array
from .tables import data_directory

MIB = 1 << 20
PACKAGE = Path(__file__).resolve().parents[1] / "baler_codec"
SAMPLE = PACKAGE / "data" / "cms_jets_20k.npz"
MODEL = PACKAGE / "models" / "cms_jets.baler"


@dataclass(frozen=True)
class Case:
    """One chunk, and for tables a scale for each column (so that one bound means the same to all)."""

    name: str
    kind: str  # "table" or "grid"
    values: Array
    shipped_model: bool = False  # whether the shipped model is for such tables

    @property
    def eps(self) -> Array:
        """Of each column, or of all: the range of the valid values."""
        good = np.isfinite(self.values) & (np.abs(self.values) < 1e19)
        axis = 0 if self.kind == "table" else None
        low = np.min(self.values, axis=axis, where=good, initial=np.inf)
        high = np.max(self.values, axis=axis, where=good, initial=-np.inf)
        return np.asarray(high.astype(np.float64) - low.astype(np.float64))


def jets(nbytes: int) -> Case:
    """As many unseen jets as fill so many bytes; the shipped ones, over and over, where those are not at hand."""
    place = data_directory()
    rows = max(nbytes // 96, 1)
    if place and (place / "cmslike_jets_B_f32.npy").exists():
        name, found = "unseen jets", np.load(place / "cmslike_jets_B_f32.npy", mmap_mode="r")
    else:
        with np.load(SAMPLE) as file:
            name, found = "shipped jets", file["data"]
    # larger chunks than the file has rows: again, in another order, so that no coder finds the repetition
    order = np.random.default_rng(1)
    parts = [np.asarray(found[:rows])]
    while sum(len(p) for p in parts) < rows:
        parts.append(found[order.permutation(len(found))[: rows - sum(len(p) for p in parts)]])
    table = np.ascontiguousarray(np.concatenate(parts))
    return Case(f"{name}, {rows} x 24" + (", repeated" if len(parts) > 1 else ""), "table", table, True)


def simulated_flow(nbytes: int, seed: int = 2) -> Case:
    """A simulation of ours: waves of a falling spectrum that drift, and a little noise."""
    rng = np.random.default_rng(seed)
    frames = max(nbytes // (4 * 100 * 200), 1)
    t, y, x = np.ogrid[:frames, :100, :200]
    field = np.zeros((frames, 100, 200))
    for _ in range(40):
        k = rng.uniform(0.2, 6, 2)
        phase = k[0] * y / 16 + k[1] * x / 16 - rng.uniform(0, 0.2) * t + rng.uniform(0, 6.3)
        field += np.sin(phase) / (k @ k)
    noise = 1e-4 * rng.normal(size=field.shape)
    return Case(f"simulated waves, {frames} x 100 x 200", "grid", (field + noise).astype(np.float32))


def flow(nbytes: int) -> Case:
    """A vortex street of so many bytes, or the simulation."""
    place, frames = data_directory(), max(nbytes // (4 * 100 * 200), 1)
    path = place / "cfd_cube66_ux_f32.npy" if place else None
    if path is None or not path.exists():
        return simulated_flow(nbytes)
    found = np.load(path, mmap_mode="r")
    times = -(-frames // len(found))
    values = np.concatenate([found[::-1] if i % 2 else found[:] for i in range(times)])[:frames]
    values, again = np.array(values, np.float32), ""
    if times > 1:
        again = ", there and back with a little noise"
        rest = values[len(found) :]  # exact repetition would be found
        rest += np.random.default_rng(4).normal(0, 1e-3 * float(found.std()), rest.shape).astype(np.float32)
    return Case(f"vortex street, {frames} x 100 x 200{again}", "grid", values)


def temperature(nbytes: int) -> Case | None:
    """Hourly temperatures, where they are at hand."""
    place = data_directory()
    path = place / "era5_t2m_uk_2019_03.npy" if place else None
    if path is None or not path.exists():
        return None
    values = np.ascontiguousarray(np.load(path, mmap_mode="r")[: max(nbytes // (4 * 33 * 49), 1)])
    return Case(f"ERA5 temperature, {' x '.join(map(str, values.shape))}", "grid", values)
