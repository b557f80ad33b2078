"""Quantile warps: piecewise linear maps of a column's values to z, in which the column is about normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .lattices import Float

# z of the knots: steps of 1/8 between -4 and 4, and two on each side for values beyond those of the training data
INNER = np.arange(-32, 33) / 8.0
TAIL = np.array([0.5, 1.0])
LARGEST = 1e37
TOLERANCE = 0.02


@dataclass(frozen=True)
class Warp:
    """Knots of a warp; x are float32 numbers, z multiples of 1/8."""

    x: Float
    z: Float

    def __call__(self, x: Float) -> Float:
        """Map values to z, constant outside the knots."""
        return np.asarray(np.interp(x, self.x, self.z))

    def inverse(self, z: Float) -> Float:
        """Map z to values."""
        return np.interp(z, self.z, self.x)


def normal_cdf(z: Float) -> Float:
    """Distribution function of the standard normal (error below 1e-7)."""
    # integral by Simpson's rule on a fine grid: the knots need no more
    grid = np.linspace(-8.0, 8.0, 4001)
    density = np.exp(-0.5 * grid * grid) / np.sqrt(2.0 * np.pi)
    mid = np.exp(-0.5 * (grid[1:] - 0.002) ** 2) / np.sqrt(2.0 * np.pi)
    area = np.concatenate([[0.0], np.cumsum((density[:-1] + 4.0 * mid + density[1:]) * (0.004 / 6.0))])
    probability: Float = np.interp(z, grid, area)
    return probability


def fit(values: Float, grain: float, seed: int = 0) -> Warp:
    """Fit a warp to the values of a column that are not its spike.

    Parameters
    ----------
    values
        Finite values.
    grain
        Distance of neighbouring values of a column that lives on a lattice (1 for counts), 0 for none: such values
        are spread over their cell.
    seed
        Of the spreading.
    """
    x = np.clip(values.astype(np.float64), -LARGEST, LARGEST)
    if len(x) == 0:
        x = np.zeros(1)
    if grain > 0:
        x = x + grain * (np.random.default_rng(seed).random(len(x)) - 0.5)
    knots = np.quantile(x, normal_cdf(INNER))
    knots[0], knots[-1] = x.min(), x.max()
    span = knots[-1] - knots[0]
    if span <= 0:
        half = max(abs(knots[0]) * 1e-6, grain, 1e-30) * 4.0
        knots = knots[0] + half * INNER / 4.0
        span = 2 * half
    least = max(1e-9 * span, grain * 0.02)
    centre = len(knots) // 2
    for i in range(centre, len(knots) - 1):
        knots[i + 1] = max(knots[i + 1], knots[i] + least)
    for i in range(centre, 0, -1):
        knots[i - 1] = min(knots[i - 1], knots[i] - least)
    low = max(knots[4] - knots[0], 1e-6 * span)
    high = max(knots[-1] - knots[-5], 1e-6 * span)
    all_x = np.concatenate([knots[0] - low * np.array([4.0, 1.0]), knots, knots[-1] + high * np.array([1.0, 4.0])])
    all_z = np.concatenate([INNER[0] - TAIL[::-1], INNER, INNER[-1] + TAIL])
    return thin(_distinct(all_x, all_z))


def thin(warp: Warp, tolerance: float = TOLERANCE) -> Warp:
    """Leave out knots that a straight line between others replaces to within `tolerance` in z."""
    kept = {0, len(warp.x) - 1}
    pending = [(0, len(warp.x) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        inner = np.arange(first + 1, last)
        line = np.interp(warp.x[inner], warp.x[[first, last]], warp.z[[first, last]])
        off = np.abs(line - warp.z[inner])
        worst = int(off.argmax())
        if off[worst] > tolerance:
            kept.add(int(inner[worst]))
            pending += [(first, int(inner[worst])), (int(inner[worst]), last)]
    chosen = sorted(kept)
    return Warp(warp.x[chosen], warp.z[chosen])


def _distinct(x: Float, z: Float) -> Warp:
    """Knots as float32; of knots that fall together the one nearest to the centre stays."""
    short = x.astype(np.float32).astype(np.float64)
    _, first = np.unique(short, return_index=True)
    if len(first) == 1:
        step = np.spacing(np.float32(short[0])).astype(np.float64)
        return Warp(np.array([short[0] - step, short[0] + step]), np.array([-4.0, 4.0]))
    return Warp(short[first], z[first])
