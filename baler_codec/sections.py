"""The sections of a model file (docs/format.md, section 7), but for what is inside the table section."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import native
from .bound import ErrorBound
from .errors import CorruptDataError, ModelInvalidError, UnsupportedVersionError
from .records import MAX_AXES, MAX_FIELDS, Field, Record

MAGIC = b"BALERMDL"
VERSION = 1
MAX_BYTES = 16 << 20
MAX_COLUMNS = 1024
_MAX_META = 64 << 10
# the last is a table's, as it is or packed; a record's; a grid's; that of patches
_TAGS = (("META",), ("BNDS",), ("TABL", "TABZ", "RECD", "GRID", "PTCH"))
_FRAME_END = 4  # the CRC behind a frame's payload
_KINDS = ("exact", "abs", "pw_rel", "latent")  # by their number in the file
_FIELD_KINDS = "fiuV"


def split_sections(raw: bytes) -> dict[str, bytes]:
    """Take a model file apart: tag → content, in the order of the file."""
    if raw[:8] != MAGIC:
        raise CorruptDataError("not a model file: it does not begin with BALERMDL")
    if len(raw) > MAX_BYTES:
        raise CorruptDataError(f"a model of {len(raw)} bytes: the format allows {MAX_BYTES}")
    if len(raw) < 16:
        raise CorruptDataError(f"the model file is cut short: {len(raw)} bytes; get it again")
    version, count = struct.unpack_from("<II", raw, 8)
    if version != VERSION:
        raise UnsupportedVersionError(f"model format {version}, this release reads {VERSION}: upgrade baler-codec")
    if count not in (2, 3):
        raise CorruptDataError(f"the model file has {count} sections, 2 or 3 are allowed")
    sections: dict[str, bytes] = {}
    at = 16
    for tags in _TAGS[:count]:
        if len(raw) - at < 12:
            raise CorruptDataError(f"the model file is cut short before its section {tags[0]}: get it again")
        found, length = struct.unpack_from("<4sQ", raw, at)
        at += 12
        tag = found.decode("ascii", "replace")
        if tag not in tags:
            raise CorruptDataError(f"the model file has {found!r} where its section {tags[0]} belongs")
        if length > len(raw) - at:
            raise CorruptDataError(f"the model file is cut short inside its section {tag}: get it again")
        sections[tag] = raw[at : at + length]
        at += length
    if at != len(raw):
        raise CorruptDataError(f"{len(raw) - at} bytes follow the last section of the model file")
    return sections


def join_sections(sections: Mapping[str, bytes]) -> bytes:
    """Build a model file from its sections, given in any order."""
    parts = [MAGIC, struct.pack("<II", VERSION, len(sections))]
    for tag in (tag for tags in _TAGS for tag in tags):
        if tag in sections:
            parts += [tag.encode(), struct.pack("<Q", len(sections[tag])), sections[tag]]
    return b"".join(parts)


def pack_table(table: bytes) -> dict[str, bytes]:
    """Write the table section in the smaller of its two forms: tag → content."""
    frame = native.encode(np.frombuffer(table, "V1"))
    info = native.frame_info(np.frombuffer(frame, np.uint8))
    if info.mode != "bytes":
        return {"TABL": table}
    payload = frame[-_FRAME_END - info.payload_bytes : -_FRAME_END]
    packed = table[:4] + struct.pack("<I", len(table)) + payload
    return {"TABZ": packed} if len(packed) < len(table) else {"TABL": table}


def pack_meta(meta: Mapping[str, Any]) -> bytes:
    """Write the META section in its canonical form."""
    raw = json.dumps(meta, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if len(raw) > _MAX_META:
        raise ModelInvalidError(f"the model's description takes {len(raw)} bytes, the format allows {_MAX_META}")
    return raw


def pack_bounds(bounds: Sequence[ErrorBound]) -> bytes:
    """Write the BNDS section."""
    packed = [struct.pack("<Bd", _KINDS.index(b.kind), b.value) for b in bounds]
    return struct.pack("<I", len(bounds)) + b"".join(packed)


def parse_bounds(raw: bytes) -> tuple[ErrorBound, ...]:
    """Read the BNDS section."""
    count = int.from_bytes(raw[:4], "little")
    if len(raw) < 4 or not 1 <= count <= MAX_COLUMNS or len(raw) != 4 + 9 * count:
        raise CorruptDataError(f"the bounds section of the model has {len(raw)} bytes for {count} bounds")
    bounds = []
    for kind, value in struct.iter_unpack("<Bd", raw[4:]):
        if kind >= len(_KINDS):
            raise CorruptDataError(f"the model holds an error bound of unknown kind {kind}")
        if (kind in (0, 3) and value != 0) or not math.isfinite(value) or (kind in (1, 2) and value <= 0):
            raise CorruptDataError(f"the model holds an impossible error bound: {_KINDS[kind]}={value!r}")
        bounds.append(ErrorBound(_KINDS[kind], value))
    return tuple(bounds)


def parse_meta(raw: bytes) -> dict[str, Any]:
    """Read the META section."""
    try:
        meta = json.loads(raw) if len(raw) <= _MAX_META else None
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        raise CorruptDataError("the description section of the model is not a JSON object of at most 64 KiB")
    columns = meta.get("columns", [])
    if not isinstance(columns, list) or not all(isinstance(c, dict) for c in columns):
        raise CorruptDataError("the description of the model has no proper list of columns")
    return meta


def record_file(record: Record, bounds: Sequence[ErrorBound], *, named: bool) -> bytes:
    """Build the model file that tells an encoder the fields and bounds of records, with or without their names."""
    columns = [{"name": f.name, **({"dtype": f.source} if f.source else {})} for f in record.fields]
    meta = pack_meta({"columns": columns} if named else {})
    shortest = bounds[:1] if len(set(bounds)) == 1 else bounds
    return join_sections({"META": meta, "BNDS": pack_bounds(shortest), "RECD": pack_record(record)})


def pack_record(record: Record) -> bytes:
    """Write the RECD section of a model."""
    out = bytearray(record.itemsize.to_bytes(2, "little") + _varint(len(record.fields)))
    end = 0
    for field in record.fields:
        out += _varint(field.offset - end)
        end = field.end
        if field.kind == "V":
            out += b"\x03" + _varint(field.itemsize)
            continue
        size = field.itemsize.bit_length() - 1
        out.append(_FIELD_KINDS.index(field.kind) | size << 2 | field.big_endian << 4 | bool(field.extents) << 5)
        if field.extents:
            out += _varint(len(field.extents)) + b"".join(_varint(n) for n in field.extents)
    return bytes(out)


def parse_record(raw: bytes, columns: Sequence[Mapping[str, Any]] = ()) -> Record:
    """Read the RECD section of a model, with what META says of its fields; the library checks it at first use."""
    damaged = CorruptDataError("the fields section of the model is damaged: get the file again")
    at = 2

    def number() -> int:
        nonlocal at
        value = shift = 0
        while at < len(raw) and shift < 63:
            byte = raw[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        raise damaged

    itemsize, count = int.from_bytes(raw[:2], "little"), number()
    fields: list[Field] = []
    end = 0
    for i in range(count if count <= MAX_FIELDS else 0):
        about = columns[i] if i < len(columns) else {}
        name, source = str(about.get("name", f"field {i}")), str(about.get("dtype", ""))
        offset, kind = end + number(), number()
        if kind & 3 == 3:
            fields.append(Field(name, offset, "V", number(), source=source))
        else:
            extents = tuple(number() for _ in range(min(number(), MAX_AXES))) if kind & 32 else ()
            size, big = 1 << (kind >> 2 & 3), bool(kind & 16)
            fields.append(Field(name, offset, _FIELD_KINDS[kind & 3], size, big, extents, source))
        end = fields[-1].end
    if at != len(raw) or end > itemsize or not fields:
        raise damaged
    return Record(itemsize, tuple(fields))


def parse_patch(raw: bytes) -> tuple[tuple[int, int], tuple[int, ...]]:
    """Read the head of the PTCH section: no columns and the number of latents, and the extents of a patch."""
    latents, axes = struct.unpack_from("<HB", raw) if len(raw) >= 4 else (0, 0)
    if not latents or not 1 <= axes <= 4 or len(raw) < 4 + 2 * axes:
        raise CorruptDataError("the section of patches of the model is damaged: get the file again")
    return (0, latents), struct.unpack_from(f"<{axes}H", raw, 4)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
