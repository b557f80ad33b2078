"""Section 13: records, mode 6."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import builtin, lz
from .exceptions import read_exceptions
from .lattice import ABS, EXACT, PW_REL, lattice
from .reader import CorruptDataError, Reader

MOST_COLUMNS = 1024


@dataclass
class Field:
    offset: int
    dtype: np.dtype  # of an item, little-endian; V: of the whole field
    big_endian: bool
    extents: tuple[int, ...]
    bound: tuple[int, float]

    @property
    def items(self) -> int:
        return math.prod(self.extents)

    @property
    def end(self) -> int:
        return self.offset + self.dtype.itemsize * self.items


def rule(kept: bool, text: str) -> None:
    if not kept:
        raise CorruptDataError(text)


def read_fields(reader: Reader, itemsize: int, bounded: bool = True) -> list[Field]:
    fields: list[Field] = []
    end, last = 0, None
    n = reader.varint()
    rule(1 <= n <= 1024, "number of fields")
    for _ in range(n):
        offset, kind = end + reader.varint(), reader.u8()
        if kind & 3 == 3:
            size = reader.varint()
            rule(kind == 3 and 1 <= size <= 65535, "field of bytes")
            field = Field(offset, np.dtype(f"V{size}"), False, (), (EXACT, 0.0))
        else:
            size = 1 << (kind >> 2 & 3)
            rule(size > 1 or (kind & 3 and not kind & 16), "field of one byte")
            extents: tuple[int, ...] = ()
            if kind & 32:
                axes = reader.u8()
                rule(1 <= axes <= 8, "axes of a field")
                extents = tuple(reader.varint() for _ in range(axes))
                rule(min(extents) > 0, "extent of a field")
            bound = (kind >> 6, 0.0)
            rule(bounded or not kind >> 6, "bound in a model's field")
            if bound[0] == 3:
                rule(last is not None, "no bound to repeat")
                bound = last or bound
            elif bound[0] in (ABS, PW_REL):
                bound = last = (bound[0], reader.f64())
                rule(math.isfinite(bound[1]) and 0 < bound[1] < (1 if bound[0] == PW_REL else math.inf), "bound")
            field = Field(offset, np.dtype(f"<{'fiu'[kind & 3]}{size}"), bool(kind & 16), extents, bound)
        end = field.end
        rule(end <= itemsize, "field behind the record")
        fields.append(field)
    rule(sum(f.items for f in _columns(fields)) <= MOST_COLUMNS, "columns")
    return fields


def _columns(fields: list[Field]) -> list[Field]:
    return [f for f in fields if f.dtype.kind != "V" and f.items <= 16]


def decode(reader: Reader, itemsize: int, n: int) -> tuple[NDArray[np.uint8], int]:
    """The records as rows of bytes, and how many exceptions they have."""
    fields = read_fields(reader, itemsize)
    records = np.zeros((n, itemsize), np.uint8)
    for begin, end in _rest(fields, itemsize):
        if how := reader.u8():
            rule(how == 1, "coding of bytes")
            piece = lz.decode(reader, n * (end - begin), end - begin)
            records[:, begin:end] = np.frombuffer(piece, np.uint8).reshape(n, -1)
    groups = [_columns(fields)] if _columns(fields) else []
    groups += [[f] for f in fields if f.dtype.kind != "V" and f.items > 16]
    exceptions = sum(_decode_group(reader, group, n, records) for group in groups)
    return records, exceptions


def _rest(fields: list[Field], itemsize: int) -> list[tuple[int, int]]:
    """Gaps and fields of bytes, in the order of their places."""
    found, end = [], 0
    for f in fields:
        if f.offset > end:
            found.append((end, f.offset))
        if f.dtype.kind == "V":
            found.append((f.offset, f.end))
        end = f.end
    return found + ([(end, itemsize)] if end < itemsize else [])


def _decode_group(reader: Reader, fields: list[Field], n: int, records: NDArray[np.uint8]) -> int:
    wide = fields[0].items > 16
    if wide:
        rows, shape, columns = n * fields[0].items, (n, *fields[0].extents), fields
    else:
        columns = [f for f in fields for _ in range(f.items)]
        rows, shape = n, (n, len(columns))
    sizes = [f.dtype.itemsize for f in columns]
    exceptions = read_exceptions(reader, len(columns), rows, sizes)
    masks: list[NDArray[np.bool_] | None] = [None] * len(columns)
    for c, e in exceptions.items():
        masks[c] = np.isin(np.arange(rows), e.rows)
    lattices = [lattice(f.dtype, *f.bound) for f in columns]
    values = []
    for c, k in enumerate(builtin.decode(shape, lattices, masks, reader)):
        column = lattices[c].restore(k)
        if c in exceptions:
            column[exceptions[c].rows] = np.frombuffer(exceptions[c].items, column.dtype)
        values.append(column)
    at = 0
    for f in fields:
        items = np.stack(values[at : at + (1 if wide else f.items)], axis=1).reshape(n, f.items)
        at += items.shape[1]
        order = items.astype(f.dtype.newbyteorder(">")) if f.big_endian else items.astype(f.dtype)
        records[:, f.offset : f.end] = np.ascontiguousarray(order).view(np.uint8).reshape(n, -1)
    return sum(len(e.rows) for e in exceptions.values())
