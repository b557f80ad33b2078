"""Selections that are boxes: slices without steps, integers, an ellipsis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Slices = tuple[slice, ...]


@dataclass(frozen=True)
class Selection:
    """A box of a dataset, and the shape that h5py gives it: integers take axes away."""

    box: Slices
    shape: tuple[int, ...]


def box_of(selection: Any, shape: tuple[int, ...]) -> Selection | None:
    """Return what is selected of a dataset of this shape; None if it is no box, has no cell, or is a single value."""
    given = selection if isinstance(selection, tuple) else (selection,)
    if any(not isinstance(s, slice | int | np.integer) and s is not Ellipsis for s in given):
        return None
    if any(isinstance(s, bool) for s in given):
        return None
    if not any(s is Ellipsis for s in given):
        given = (*given, Ellipsis)
    missing = len(shape) + 1 - len(given)
    if missing < 0 or sum(s is Ellipsis for s in given) > 1:
        return None
    at = next(i for i, s in enumerate(given) if s is Ellipsis)
    full = (*given[:at], *([slice(None)] * missing), *given[at + 1 :])
    box, kept = [], []
    for s, n in zip(full, shape, strict=True):
        if isinstance(s, slice):
            if s.step not in (None, 1):
                return None
            start, stop, _ = s.indices(n)
            kept.append(stop - start)
        else:
            start = int(s) + n * (s < 0)
            stop = start + 1
        if not 0 <= start < stop <= n:
            return None
        box.append(slice(start, stop))
    return Selection(tuple(box), tuple(kept)) if kept else None


def common(box: Slices, chunk: Slices) -> Slices:
    """Return what two boxes have in common."""
    return tuple(slice(max(b.start, c.start), min(b.stop, c.stop)) for b, c in zip(box, chunk, strict=True))


def inside(box: Slices, frame: Slices) -> Slices:
    """Return a box as it lies in an array that holds the cells of `frame`."""
    return tuple(slice(b.start - f.start, b.stop - f.start) for b, f in zip(box, frame, strict=True))
