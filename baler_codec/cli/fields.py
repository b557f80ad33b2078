"""The fields of records, as frames say them, with the names that the array's dtype gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bound import ErrorBound
from ..native import FrameField
from ..records import is_record, record_of


def describe(dtype: np.dtype[Any], fields: tuple[FrameField, ...]) -> list[dict[str, str]]:
    """Return name, type and bound of each field; bytes between numbers that a dtype calls fields are exact."""
    by_place = {field.offset: field for field in fields}
    if not is_record(dtype):
        return [_entry(f"byte {f.offset}", _type(f), f.bound) for f in fields]
    entries = []
    for field in record_of(dtype).fields:
        coded = by_place.get(field.offset)
        numbers = coded is not None and field.kind != "V"
        kind = _type(coded) if coded is not None and numbers else f"{field.end - field.offset} bytes"
        entries.append(_entry(field.name, kind, coded.bound if coded is not None else ErrorBound("exact")))
    return entries


def bounds_by_name(dtype: np.dtype[Any], fields: tuple[FrameField, ...]) -> dict[str, ErrorBound]:
    """Return the bound of each field of a dtype; what frames keep as bytes is exact."""
    return {entry["name"]: ErrorBound.parse(entry["bound"]) for entry in describe(dtype, fields)}


def bounds_of_columns(dtype: np.dtype[Any], fields: tuple[FrameField, ...]) -> tuple[ErrorBound, ...]:
    """Return the bound of each field of a flat dtype, in its order: what its fields have when they are columns."""
    by_place = {field.offset: field.bound for field in fields}
    places = [dtype.fields[name][1] for name in dtype.names] if dtype.names and dtype.fields else []
    return tuple(by_place.get(place, ErrorBound("exact")) for place in places)


def _entry(name: str, kind: str, bound: ErrorBound) -> dict[str, str]:
    return {"name": name, "dtype": kind, "bound": str(bound)}


def _type(field: FrameField) -> str:
    return f"{field.dtype.str.replace('|', '')}{f' x {field.elements}' if field.elements > 1 else ''}"
