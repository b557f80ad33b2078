"""Error bounds: what may be asked for, what it means for given data, and whether a decoded array kept it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .errors import BoundError, DTypeError, ShapeError

# Values that data providers write for "nothing here". They never enter a range; leaving a true value out can only make
# the bound tighter.
_SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, 1e20, -1e20, 1e30, 1e34, -1e34, 1e36, 9.969209968386869e36, -32768.0)
_GRAMMAR = 'a bound is "exact", "latent", "abs=NUMBER", "pw_rel=NUMBER" or "range=NUMBER"'
_HINTS = {
    "rel": 'say "pw_rel=…" (relative to each value) or "range=…" (relative to the range of the data)',
    "relative": 'say "pw_rel=…" (relative to each value) or "range=…" (relative to the range of the data)',
    "absolute": 'say "abs=…"',
    "lossless": 'say "exact"',
    "none": 'say "exact"',
}


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """How far a decoded value may lie from the original.

    Parameters
    ----------
    kind : str
        ``"exact"`` (bit for bit), ``"abs"`` (the error is at most `value`), ``"pw_rel"`` (at most `value` times the
        magnitude of the original), ``"range"`` (`value` times the range of the data: has to be resolved to ``"abs"``),
        or ``"latent"`` (no bound at all).
    value : float
        The number of ``abs``, ``pw_rel`` and ``range``; 0 for the others.

    Examples
    --------
    >>> ErrorBound.parse("abs=1e-3")
    ErrorBound('abs', 0.001)
    """

    kind: str
    value: float = 0.0

    KINDS: ClassVar[tuple[str, ...]] = ("exact", "abs", "pw_rel", "range", "latent")

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise BoundError(f"unknown kind of error bound {self.kind!r}: {_HINTS.get(self.kind, _GRAMMAR)}")
        if isinstance(self.value, bool | str) or not isinstance(self.value, int | float | np.number):
            raise BoundError(f"the value of the bound {self.kind!r} is not a number: {self.value!r}")
        try:
            value = float(self.value)
        except OverflowError:
            value = math.inf
        object.__setattr__(self, "value", value)
        if self.kind in ("exact", "latent"):
            if value != 0:
                raise BoundError(f"the bound {self.kind!r} takes no value, {value!r} was given")
            object.__setattr__(self, "value", 0.0)
        elif not math.isfinite(value) or value <= 0:
            cure = 'say "exact" to keep every bit' if value == 0 else "give a positive number"
            raise BoundError(f'the bound "{self.kind}={value!r}" must be positive and finite: {cure}')
        elif self.kind == "pw_rel" and value >= 1:
            raise BoundError(f'the bound "pw_rel={value!r}" must be below 1: "pw_rel=0.01" is one per cent')

    @classmethod
    def parse(cls, spec: ErrorBound | str) -> ErrorBound:
        """Read a bound such as ``"abs=1e-3"``; an `ErrorBound` is returned as it is."""
        if isinstance(spec, ErrorBound):
            return spec
        if not isinstance(spec, str):
            raise BoundError(f"an error bound is a string, not {type(spec).__name__} ({spec!r}): {_GRAMMAR}")
        kind, equals, text = (part.strip() for part in spec.partition("="))
        if kind not in cls.KINDS:
            raise BoundError(f"unknown kind {kind!r} in the error bound {spec!r}: {_HINTS.get(kind.lower(), _GRAMMAR)}")
        if kind in ("exact", "latent"):
            if equals:
                raise BoundError(f'the error bound {spec!r} takes no value: say "{kind}"')
            return cls(kind)
        if not text:
            raise BoundError(f'the error bound {spec!r} lacks its value: say "{kind}=1e-3", for example')
        try:
            value = float(text)
        except ValueError:
            raise BoundError(f"the value {text!r} in the error bound {spec!r} is not a number") from None
        return cls(kind, value)

    def __str__(self) -> str:
        return self.kind if self.kind in ("exact", "latent") else f"{self.kind}={self.value!r}"

    def __repr__(self) -> str:
        return f"ErrorBound({self.kind!r})" if self.value == 0 else f"ErrorBound({self.kind!r}, {self.value!r})"

    def require(self, dtype: npt.DTypeLike) -> None:
        """Raise unless values of `dtype` can be coded under this bound."""
        dtype = np.dtype(dtype)
        if self.kind == "exact" or is_numeric(dtype):
            return
        cure = {
            "c": "view the data as floats (x.view(x.real.dtype)), or leave the bound out",
            "b": "view it as uint8, or leave the bound out",
            "O": "convert it to a numeric dtype",
        }.get(dtype.kind, "leave the bound out: without one any dtype is kept bit for bit")
        raise DTypeError(f'the error bound "{self}" has no meaning for dtype {dtype}: {cure}')

    def resolve(self, data: npt.ArrayLike, *, fill_value: float | None = None) -> ErrorBound:
        """Give the bound that `data` makes of a ``range`` bound; others are returned as they are.

        The range is that of the finite values without `fill_value` and without what looks like a fill value. Constant
        data become ``exact``.
        """
        if self.kind != "range":
            return self
        low, high = finite_range(data, fill_value=fill_value)
        return self.of_range(low, high)

    def of_range(self, low: float, high: float) -> ErrorBound:
        """Resolve a ``range`` bound for data between `low` and `high`."""
        if self.kind != "range":
            return self
        value = self.value * high - self.value * low if math.isinf(high - low) else self.value * (high - low)
        return ErrorBound("abs", value) if value > 0 and math.isfinite(value) else ErrorBound("exact")

    def check(self, original: npt.ArrayLike, decoded: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Say for each value whether `decoded` keeps this bound.

        NaN, ±Inf and −0 must have come back bit for bit under every bound; under ``exact`` every value must.
        Differences of integers are exact, those of floats are IEEE doubles, as the format defines them. Under
        ``latent`` nothing is promised, so nothing can be broken.

        Parameters
        ----------
        original, decoded : array_like
            Equal in shape and, but for the byte order, in dtype.

        Returns
        -------
        numpy.ndarray of bool
        """
        x, y = native(np.asarray(original)), native(np.asarray(decoded))
        if x.shape != y.shape or x.dtype != y.dtype:
            raise ShapeError(f"cannot compare {x.dtype} {x.shape} with {y.dtype} {y.shape}: dtype and shape must agree")
        self.require(x.dtype)
        if self.kind == "range":
            raise BoundError(f'"{self}" depends on data: resolve() it before check()')
        if self.kind == "latent":
            return np.ones(x.shape, bool)
        same = _same_bits(x, y)
        if self.kind == "exact":
            return same
        if x.dtype.kind in "iu":
            return same | _integers_inside(self, x, y)
        with np.errstate(invalid="ignore", over="ignore"):  # also for NaN that signal
            a, b = x.astype(np.float64), y.astype(np.float64)
            limit = self.value if self.kind == "abs" else self.value * np.abs(a)
            inside = np.abs(b - a) <= limit  # False for NaN
        lattice = np.isfinite(a) & np.isfinite(b) & ~((a == 0) & np.signbit(a))
        return np.asarray(same | (inside & lattice))


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Say whether values of this dtype are numbers to the codec; anything else is bytes to it."""
    return dtype.kind in "iu" or (dtype.kind == "f" and dtype.itemsize <= 8)


def native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the same values in this machine's byte order (the same array where it has it already)."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def finite_range(data: npt.ArrayLike, *, fill_value: float | None = None) -> tuple[float, float]:
    """Return minimum and maximum of the finite values that do not look like fill values; (0, 0) without any."""
    values = native(np.asarray(data)).ravel()
    if not is_numeric(values.dtype):
        raise DTypeError(f"dtype {values.dtype} has no range: range bounds need real numbers")
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if fill_value is not None:
        values = values[values != fill_value]
    # at most a handful of rounds: each one takes a whole sentinel away
    while values.size:
        low, high = values.min(), values.max()
        if not (_looks_like_fill(values, low, low, high) or _looks_like_fill(values, high, low, high)):
            return float(low), float(high)
        edge = low if _looks_like_fill(values, low, low, high) else high
        values = values[values != edge]
    return 0.0, 0.0


def resolve_columns(
    bounds: Iterable[ErrorBound], data: npt.ArrayLike, *, fill_value: float | None = None
) -> list[ErrorBound]:
    """Resolve one bound for each column of a table of two axes."""
    table = np.asarray(data)
    bounds = list(bounds)
    if table.ndim != 2 or table.shape[1] != len(bounds):
        raise ShapeError(f"{len(bounds)} bounds for data of shape {table.shape}: give one for each column")
    return [bound.resolve(table[:, i], fill_value=fill_value) for i, bound in enumerate(bounds)]


def _looks_like_fill(values: npt.NDArray[Any], edge: Any, low: Any, high: Any) -> bool:
    if low == high:
        return False
    known = any(edge == np.array(s).astype(values.dtype) for s in _SENTINELS if _fits(s, values.dtype))
    if not known and abs(float(edge)) < 1e15:
        return False
    rest = values[values != edge]
    spread = float(rest.max()) - float(rest.min())
    beyond = min(abs(float(edge) - float(rest.min())), abs(float(edge) - float(rest.max())))
    # a fill value lies far off all the rest; a huge one that is not in the list must also occur more than once
    return beyond > 2 * spread and (known or values.size - rest.size > 1)


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return abs(value) <= float(np.finfo(dtype).max)
    return float(np.iinfo(dtype).min) <= value <= float(np.iinfo(dtype).max)


def _same_bits(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    size = x.dtype.itemsize
    if size == 0:
        return np.ones(x.shape, bool)
    word = size if size in (1, 2, 4, 8) else 1
    a, b = (np.ascontiguousarray(v).reshape(-1).view(f"u{word}").reshape(-1, size // word) for v in (x, y))
    return np.asarray((a == b).all(axis=1).reshape(x.shape))


def _integers_inside(bound: ErrorBound, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    wide: type[np.unsignedinteger[Any]] = np.uint64
    # two's complement makes the difference of the larger and the smaller right even where it overflows
    a, b = (v.astype(np.int64).view(wide) if v.dtype.kind == "i" else v.astype(wide) for v in (x, y))
    distance = np.where(y >= x, b - a, a - b)
    if bound.kind == "abs":
        return np.asarray(distance <= wide(min(math.floor(bound.value), 2**64 - 1)))
    magnitude = np.where(x >= 0, a, wide(0) - a) if x.dtype.kind == "i" else a
    return np.asarray(distance.astype(np.float64) <= bound.value * magnitude.astype(np.float64))
