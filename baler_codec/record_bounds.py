"""Bounds of records: which field gets which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .bound import ErrorBound, finite_range
from .errors import BoundError, DTypeError, ShapeError
from .records import Record

_EXACT = ErrorBound("exact")
BoundSpec = str | ErrorBound | Mapping[str, str | ErrorBound] | Sequence[str | ErrorBound]


def bounds_of(
    record: Record, spec: BoundSpec | None, current: Sequence[ErrorBound] | None = None
) -> tuple[ErrorBound, ...]:
    """Return one bound for each field.

    Parameters
    ----------
    record : Record
        The fields.
    spec : str, ErrorBound, mapping or sequence, optional
        One bound, which is for the fields of floats: others stay exact unless they are named. Or ``{name: bound}``,
        where the name of a structure stands for all its fields and ``"*"`` for all floats that are not named. Or one
        bound per field, in the order of their places.
    current : sequence of ErrorBound, optional
        What fields keep that nothing is said about; ``exact`` without it.
    """
    kept = list(current) if current is not None else [_EXACT] * len(record.fields)
    if spec is None:
        return tuple(kept)
    if isinstance(spec, Mapping):
        _require_known(record, spec)
        named = [_named(field.name, spec) for field in record.fields]
    elif isinstance(spec, str | ErrorBound):
        spec = {"*": ErrorBound.parse(spec)}
        named = [None] * len(record.fields)
    else:
        named = [ErrorBound.parse(s) for s in spec]
        spec = {}
        if len(named) != len(record.fields):
            raise ShapeError(f"{len(named)} bounds for the {len(record.fields)} fields of the records: give one each")
    rest = ErrorBound.parse(spec["*"]) if "*" in spec else None
    found = []
    for field, own, before in zip(record.fields, named, kept, strict=True):
        if own is not None and own.kind != "exact" and not field.numbers:
            raise DTypeError(
                f'the error bound "{own}" has no meaning for the field {field.name!r}, which is not of real numbers '
                'of its own: say "exact", or leave it out'
            )
        fallback = rest if rest is not None and field.numbers and field.kind == "f" else before
        found.append(own if own is not None else fallback)
    if rest is not None and len(spec) == 1 and rest.kind != "exact" and found == kept and rest not in found:
        raise BoundError(f'no field of floats is there for the bound "{rest}": name the fields of integers it is for')
    if any(bound.kind == "latent" for bound in found):
        raise BoundError('the bound "latent" needs a table and a trained model with an autoencoder, not records')
    return tuple(found)


def _named(name: str, spec: Mapping[str, str | ErrorBound]) -> ErrorBound | None:
    """Return what the longest name says that is the field's or that of a structure around it."""
    while name:
        if name in spec:
            return ErrorBound.parse(spec[name])
        name = name.rpartition(".")[0]
    return None


def _require_known(record: Record, spec: Mapping[str, str | ErrorBound]) -> None:
    known = {"*"}
    for name in record.names:
        while name:
            known.add(name)
            name = name.rpartition(".")[0]
    unknown = sorted(str(name) for name in spec if name not in known)
    if unknown:
        has = f"they have {', '.join(record.names)}"
        raise BoundError(f"bounds for fields that the records do not have: {', '.join(unknown)}; {has}")


def ranges_of(record: Record, data: npt.ArrayLike) -> list[tuple[float, float]]:
    """Return the range of each field of numbers in an array of the records; (0, 0) of others."""
    array = np.asarray(data)
    return [finite_range(values_of(array, f.name)) if f.numbers else (0.0, 0.0) for f in record.fields]


def values_of(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return the values of a field by its path; a field of the whole name is found before a structure's."""
    if not name or array.dtype.names is None:
        return array
    if name in array.dtype.names:
        return array[name]
    for part in array.dtype.names:
        if name.startswith(f"{part}."):
            return values_of(array[part], name.removeprefix(f"{part}."))
    raise ShapeError(f"the data have no field {name!r}: they have {', '.join(array.dtype.names)}")
