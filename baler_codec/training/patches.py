"""Frames as rows of patches: small blocks of their last axes, the ones at the edge filled up with the last values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError

Values = npt.NDArray[Any]
MOST_CELLS = 1024
SIZES = (8, 4)  # that "auto" tries
DIVISORS = (10, 7, 12, 9)  # one of these too, if frames are multiples of it


def check(patch: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the extents of a patch that such an array can be cut into."""
    found = tuple(int(n) for n in patch)
    if not 1 <= len(found) <= min(4, len(shape)) or any(n < 1 for n in found) or math.prod(found) > MOST_CELLS:
        raise ShapeError(
            f"patch={found} for an array of shape {shape}: give up to 4 lengths for its last axes, "
            f"at most {MOST_CELLS} values together"
        )
    return found


def candidates(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Square patches worth a try."""
    if len(shape) < 2:
        raise ShapeError(f'patch="auto" is for frames of two axes, not an array of shape {shape}: give patch=(64,)')
    even = [n for n in DIVISORS if shape[-1] % n == 0 and shape[-2] % n == 0]
    return [(n, n) for n in (*SIZES, *even[:1])]


def sample(array: Values, most: int) -> Values:
    """Blocks of consecutive frames from all of an array too large to work on."""
    n = len(array)
    if array.size <= most or n < 2:
        return array
    size = max(1, most * n // array.size // 8)
    starts = np.linspace(0, n - size, 8).astype(int)
    return np.concatenate([array[s : s + size] for s in starts]) if 8 * size < n else array


def cut(array: Values, patch: tuple[int, ...], frames_fastest: bool) -> Values:
    """All patches of an array, one a row, in the order of the format."""
    axes = len(patch)
    frames = array.reshape(-1, *array.shape[array.ndim - axes :])
    frames = np.pad(frames, [(0, 0), *((0, -n % p) for n, p in zip(frames.shape[1:], patch, strict=True))], "edge")
    tiles = [n // p for n, p in zip(frames.shape[1:], patch, strict=True)]
    split = frames.reshape(len(frames), *(n for pair in zip(tiles, patch, strict=True) for n in pair))
    rows = split.transpose(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2))
    rows = rows.reshape(len(frames), math.prod(tiles), math.prod(patch))
    if frames_fastest:
        rows = rows.transpose(1, 0, 2)
    return np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]))


def anywhere(array: Values, patch: tuple[int, ...], count: int, generator: np.random.Generator) -> Values:
    """Patches from places of chance, so that few frames teach much."""
    axes = len(patch)
    frames = array.reshape(-1, *array.shape[array.ndim - axes :])
    pick = [generator.integers(0, len(frames), count)]
    for n, p in zip(frames.shape[1:], patch, strict=True):
        start = generator.integers(0, max(1, n - p + 1), count)
        pick.append(start)
    index = [pick[0].reshape(-1, *[1] * axes)]
    for d, (n, p) in enumerate(zip(frames.shape[1:], patch, strict=True)):
        along = np.minimum(pick[d + 1][:, None] + np.arange(p), n - 1)
        index.append(along.reshape(count, *(p if e == d else 1 for e in range(axes))))
    return np.asarray(frames[tuple(index)].reshape(count, -1))


def shifted(array: Values, patch: tuple[int, ...], most: int) -> list[Values]:
    """Return the array, and parts of it that begin elsewhere, whose patches are others."""
    found = [array]
    axes = len(patch)
    for step in range(1, most):
        starts = [step * p // most if n >= 2 * p else 0 for n, p in zip(array.shape[-axes:], patch, strict=True)]
        if not any(starts):
            break
        index: tuple[Any, ...] = (..., *(slice(s, None) for s in starts))
        found.append(array[index])
    return found
