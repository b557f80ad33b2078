"""What train() is given: checked, and in the form the rest works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bound import ErrorBound
from ..errors import BoundError, DTypeError, ShapeError
from ..sections import MAX_COLUMNS
from .fpga import FpgaEncoder
from .lattices import Int

BoundSpec = str | ErrorBound | Mapping[str, str | ErrorBound] | Sequence[str | ErrorBound]
MOST_ROWS = 2_000_000
MOST_LATENTS = 64


def table(array: npt.ArrayLike, columns: Sequence[str] | None) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the table in native byte order, and the names of its columns."""
    data = np.asarray(array)
    if data.ndim == 1 and data.dtype.names is None:
        data = data[:, None]
    if data.dtype.names is not None or data.ndim != 2:
        raise ShapeError(f"training needs rows × columns, not shape {data.shape} of {data.dtype}")
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind not in "iuf" or data.dtype.itemsize > 8:
        raise DTypeError(f"dtype {data.dtype} cannot be trained on: integers, float16, float32 and float64 can")
    if data.shape[0] == 0 or not 1 <= data.shape[1] <= MAX_COLUMNS:
        raise ShapeError(f"a table of shape {data.shape}: 1 to {MAX_COLUMNS} columns and at least one row are needed")
    names = [str(c) for c in columns] if columns is not None else [f"column {i}" for i in range(data.shape[1])]
    if len(names) != data.shape[1] or len(set(names)) != len(names):
        raise ShapeError(f"{len(names)} column names for {data.shape[1]} columns: give one for each, all different")
    return data.astype(data.dtype.newbyteorder("="), copy=False), names


def bounds(spec: BoundSpec | None, names: list[str], data: npt.NDArray[Any]) -> list[ErrorBound]:
    """One bound for each column; what is not named is exact, fractions of a range are resolved."""
    if spec is None:
        spec = "exact"
    if isinstance(spec, str | ErrorBound):
        wanted = [ErrorBound.parse(spec)] * len(names)
    elif isinstance(spec, Mapping):
        unknown = [str(n) for n in spec if n != "*" and n not in names]
        if unknown:
            has = f"it has {', '.join(names)}"
            raise BoundError(f"bounds for columns that the table does not have: {', '.join(unknown)}; {has}")
        wanted = [ErrorBound.parse(spec.get(n, spec.get("*", "exact"))) for n in names]
    else:
        wanted = [ErrorBound.parse(b) for b in spec]
        if len(wanted) != len(names):
            raise ShapeError(f"{len(wanted)} bounds for {len(names)} columns: give one for each")
    if any(b.kind == "latent" for b in wanted) and not all(b.kind == "latent" for b in wanted):
        raise BoundError('the bound "latent" holds for all columns or for none')
    for b in wanted:
        b.require(data.dtype)
    return [b.resolve(data[:, i]) for i, b in enumerate(wanted)]


def one_bound(spec: BoundSpec | None) -> ErrorBound:
    """Return the bound of a grid."""
    if spec is None or isinstance(spec, str | ErrorBound):
        return ErrorBound.parse("exact" if spec is None else spec)
    raise BoundError(f'one bound for all values of a grid is needed, such as "abs=1e-3", not {spec!r}')


def is_latent(spec: BoundSpec) -> bool:
    """Whether the one bound of a grid is "latent"."""
    return isinstance(spec, str | ErrorBound) and ErrorBound.parse(spec).kind == "latent"


def check(latent: int | str, hidden: Sequence[int], steps: int | None, time_budget: float | None, width: int) -> None:
    """Raise if a setting makes no sense."""
    whole = isinstance(latent, int) and not isinstance(latent, bool)
    if latent != "auto" and not (whole and 0 <= int(latent) <= MOST_LATENTS):
        raise ValueError(f'latent={latent!r}: give a number from 0 to {MOST_LATENTS}, or "auto"')
    if steps is not None and time_budget is not None:
        raise ValueError("give steps or time_budget, not both")
    if (steps is not None and steps < 0) or (time_budget is not None and not time_budget >= 0):
        raise ValueError("steps and time_budget cannot be negative")
    if not 1 <= width <= 256:
        raise ValueError(f"width={width!r}: give 1 to 256 neurons")
    if not 1 <= len(hidden) <= 5 or not all(1 <= h <= 1024 for h in hidden):
        raise ValueError(f"hidden={tuple(hidden)!r}: give 1 to 5 layers of 1 to 1024 neurons")


def encoder(spec: FpgaEncoder | str | None) -> FpgaEncoder | None:
    """Return the size of an encoder for hardware, None for the usual one."""
    if isinstance(spec, str):
        if spec != "fpga":
            raise ValueError(f'encoder={spec!r}: give "fpga", an FpgaEncoder, or nothing for the usual one')
        return FpgaEncoder()
    return spec


def sample(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Blocks of consecutive rows from all of a table too long to hold as doubles."""
    if len(data) <= MOST_ROWS:
        return data
    blocks = 64
    size = MOST_ROWS // blocks
    starts = np.linspace(0, len(data) - size, blocks).astype(int)
    return np.concatenate([data[s : s + size] for s in starts])


def split(rows: int) -> tuple[Int, Int]:
    """Rows to learn from, and some blocks held out to measure on; small tables are measured on themselves."""
    every = np.arange(rows)
    if rows < 2000:
        return every, every
    size = min(20_000, rows // 10) // 8
    starts = (np.arange(8) * rows // 8) + rows // 16
    held = (starts[:, None] + np.arange(size)).ravel()
    return np.setdiff1d(every, held), held


def order_of(order: Sequence[str] | None, names: list[str]) -> list[int] | None:
    """Return the wished coding order as positions."""
    if order is None:
        return None
    unknown = [n for n in order if n not in names]
    if unknown:
        raise ValueError(f"order names columns that the table does not have: {', '.join(unknown)}")
    return [names.index(n) for n in dict.fromkeys(order)]
