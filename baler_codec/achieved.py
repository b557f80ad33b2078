"""What was written, read back and compared: for writers that look at their own work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .bound import ErrorBound, is_numeric
from .errors import ShapeError
from .record_bounds import values_of
from .records import leaf_names
from .settings import Settings

Part = tuple[str, ErrorBound, npt.NDArray[Any], npt.NDArray[Any]]


def achieved_error(target: Any, array: npt.NDArray[Any], settings: Settings) -> str:
    """Read everything back, raise if a bound was broken, and return the largest error: of all, or of each field.

    Parameters
    ----------
    target : array of a container
        What was written; its chunks are read one row of chunks after the other.
    array : numpy.ndarray
        What was to be written.
    settings : Settings
        How.
    """
    records = array.dtype.names is not None
    if not records and not is_numeric(array.dtype):
        return "bit for bit"
    worst: dict[str, float] = {}
    step = target.chunks[0] if array.ndim else 1
    for start in range(0, array.shape[0] if array.ndim else 1, step):
        rows = slice(start, start + step) if array.ndim else ...
        original, decoded = array[rows], np.asarray(target[rows]).reshape(array[rows].shape)
        for name, bound, x, y in _parts(settings, original, decoded):
            _require(name, bound, x, y)
            if not records or bound.kind != "exact":
                worst[name] = max(worst.get(name, 0.0), _largest_error(x, y))
    if records:
        return ", ".join(f"{name}: abs={error!r}" for name, error in worst.items()) or "bit for bit"
    return f"abs={max(worst.values(), default=0.0)!r}"


def _parts(settings: Settings, original: npt.NDArray[Any], decoded: npt.NDArray[Any]) -> Iterator[Part]:
    bounds = settings.bounds
    if original.dtype.names is not None:
        of_fields = settings.field_bounds(original.dtype)
        for name in leaf_names(original.dtype):
            bound = of_fields.get(name, ErrorBound("exact"))
            yield name, bound, values_of(original, name), values_of(decoded, name)
    elif len(bounds) > 1 and original.ndim == 2:
        for i, bound in enumerate(bounds):
            yield f"column {i}", bound, original[:, i], decoded[:, i]
    else:
        yield "column 0", bounds[0], original, decoded


def _largest_error(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(y.astype(np.float64) - x.astype(np.float64))
    return float(np.max(error, initial=0.0, where=np.isfinite(error)))


def _require(name: str, bound: ErrorBound, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
    broken = np.flatnonzero(~bound.check(x, y.astype(x.dtype, copy=False)))
    if broken.size:
        raise ShapeError(
            f'{broken.size} values came back outside "{bound}" ({name}, first at {broken[0]}): '
            "this is a bug of baler-codec, please report it"
        )
