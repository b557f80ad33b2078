"""Records: structured dtypes as fields at fixed places, each with its own bound (docs/format.md, section 13)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import DTypeError

MAX_FIELDS = MAX_COLUMNS = 1024
MAX_ITEMSIZE = 65535
_MOST_ELEMENTS = 16  # of a field that becomes columns of the table; larger ones are coded alone
MAX_AXES = 8
_AS_INTEGERS = {"b": "u", "m": "i", "M": "i"}  # coded as numbers, but never with an error


@dataclass(frozen=True, slots=True)
class Field:
    """Numbers (or other bytes) at one place of a record.

    Parameters
    ----------
    name : str
        Path in the dtype, ``"jet.pt"`` for fields of fields.
    offset : int
        First byte.
    kind : str
        ``"f"``, ``"i"``, ``"u"``, or ``"V"`` for bytes.
    itemsize : int
        Bytes of one element; of all for ``"V"``.
    big_endian : bool
        Byte order of the elements.
    extents : tuple of int
        Axes of a subarray.
    source : str
        What numpy calls the type of an element, ``"<c8"``.
    """

    name: str
    offset: int
    kind: str
    itemsize: int
    big_endian: bool = False
    extents: tuple[int, ...] = ()
    source: str = ""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.extents)

    @property
    def end(self) -> int:
        """First byte behind the field."""
        return self.offset + self.itemsize * self.elements

    @property
    def numbers(self) -> bool:
        """Whether the field holds numbers that an error bound may be asked for."""
        return self.kind != "V" and self.source[1:2] not in (*_AS_INTEGERS, "c")

    @property
    def place(self) -> tuple[object, ...]:
        """What must agree for two fields to hold the same numbers: all but name and byte order."""
        return self.offset, self.kind, self.itemsize, self.extents


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its bytes and its fields, by their places and without overlap."""

    itemsize: int
    fields: tuple[Field, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(field.name for field in self.fields)

    def fits(self, other: Record) -> bool:
        """Say whether the other record has the same fields, whatever their names and byte orders."""
        mine, theirs = ([f.place for f in r.fields] for r in (self, other))
        return self.itemsize == other.itemsize and mine == theirs


def is_record(dtype: np.dtype[Any]) -> bool:
    """Say whether items of this dtype are coded as records: structures, complex numbers, truth values and times."""
    return (dtype.names is not None or dtype.kind in "cbmM") and 1 <= dtype.itemsize <= MAX_ITEMSIZE


@lru_cache(maxsize=256)
def record_of(dtype: np.dtype[Any]) -> Record:
    """Return the fields of a dtype: structures are flattened, what is no number is bytes."""
    if not 1 <= dtype.itemsize <= MAX_ITEMSIZE:
        raise DTypeError(f"records of {dtype.itemsize} bytes: the format allows 1 to {MAX_ITEMSIZE}")
    leaves = sorted(_leaves("", dtype, 0), key=lambda field: (field.offset, field.end))
    return Record(dtype.itemsize, tuple(_within_limits(_apart(leaves))))


def leaf_names(dtype: np.dtype[Any]) -> list[str]:
    """Return the names of all fields, also of those that share bytes with others."""
    return [leaf.name for leaf in _leaves("", dtype, 0)]


def _leaves(name: str, dtype: np.dtype[Any], offset: int) -> list[Field]:
    base, extents = dtype.subdtype if dtype.subdtype is not None else (dtype, ())
    if dtype.itemsize == 0:
        return []
    if base.hasobject:
        raise DTypeError(f"field {name!r} holds Python objects: convert it to a fixed dtype")
    if base.names is not None and not extents:
        found: list[Field] = []
        for child in base.names:
            entry = base.fields[child] if base.fields is not None else None
            assert entry is not None
            found += _leaves(f"{name}.{child}" if name else child, entry[0], offset + entry[1])
        return found
    big = base.str[0] == ">" and base.itemsize > 1
    if len(extents) > MAX_AXES - 1:
        extents = (math.prod(extents),)
    if base.kind == "c" and base.itemsize <= 16:
        return [Field(name, offset, "f", base.itemsize // 2, big, (*extents, 2), base.str)]
    kind = _AS_INTEGERS.get(base.kind, base.kind)
    if kind in "fiu" and base.itemsize <= 8:
        return [Field(name, offset, kind, base.itemsize, big, extents, base.str)]
    return [Field(name, offset, "V", dtype.itemsize)]


def _apart(leaves: list[Field]) -> list[Field]:
    """Make bytes of fields that share bytes."""
    found: list[Field] = []
    for leaf in leaves:
        if found and leaf.offset < found[-1].end:
            last = found.pop()
            end = max(last.end, leaf.end)
            leaf = Field(f"{last.name}|{leaf.name}", last.offset, "V", end - last.offset)
        found.append(leaf)
    return found


def _within_limits(leaves: list[Field]) -> list[Field]:
    """Make bytes of what is more than the format has room for."""
    if len(leaves) > MAX_FIELDS:
        rest = leaves[MAX_FIELDS - 1 :]
        leaves = leaves[: MAX_FIELDS - 1]
        leaves.append(Field("…", rest[0].offset, "V", rest[-1].end - rest[0].offset))
    columns = 0
    for i, leaf in enumerate(leaves):
        if leaf.kind == "V" or leaf.elements > _MOST_ELEMENTS:
            continue
        columns += leaf.elements
        if columns > MAX_COLUMNS:
            leaves[i] = Field(leaf.name, leaf.offset, "V", leaf.end - leaf.offset)
            columns -= leaf.elements
    return leaves
