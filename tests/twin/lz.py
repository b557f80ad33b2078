"""Section 6: bytes."""

from __future__ import annotations

from collections.abc import Callable

from .entropy import Bits, lanes_for
from .reader import CorruptDataError, Reader
from .side import check, parts


def decode(reader: Reader, n: int, itemsize: int) -> bytes:
    method = reader.u8()
    if method == 0:
        return reader.raw(n)
    if method != 1 or not n:
        raise CorruptDataError(f"bytes of method {method}")
    width, segment, sequences, literals = (reader.varint() for _ in range(4))
    if width not in (1, itemsize):
        raise CorruptDataError("width of planes")
    segments = check(1, -(-n // max(segment, 1)) if segment else 65, 64)
    check(0, sequences, n // 3)
    check(0, literals, n)
    lanes = lanes_for(n)
    side, symbols, bit_bytes = parts(reader, lanes)
    bits = Bits(bit_bytes)

    codes: list[list[int]] = [[], [], []]
    if sequences:
        kinds = [side.tables(1, tokens, "codes")[0] for tokens in (128, 128, 131)]
        codes = [[table.decode(symbols, i % lanes) for i in range(sequences)] for table in kinds]
    if literals:
        n_tables = side.limited(1, 64, "length")
        table_of = [0] * (16 * segments)
        for cell in range(16 * segments if n_tables > 1 else 0):
            if cell and side.bit("left"):
                table_of[cell] = table_of[cell - 1]
            elif cell >= 16 and side.bit("above"):
                table_of[cell] = table_of[cell - 16]
            else:
                table_of[cell] = side.limited(0, n_tables - 1, "map")
        tables = side.tables(n_tables, 256, "literals")
    side.finish()
    last = done = 0

    def literal(place: int) -> int:
        nonlocal last, done
        if done == literals:
            raise CorruptDataError("more literals than there are")
        last = tables[table_of[place // segment * 16 + (last >> 4)]].decode(symbols, done % lanes)
        done += 1
        return last

    out = _sequences(codes, bits, n, literal)
    if done != literals:
        raise CorruptDataError("fewer literals than there are")
    symbols.finish()
    bits.finish()
    return _items(bytes(out), width)


def _value(code: int, bits: Bits) -> int:
    if code < 16:
        return code
    e, high = divmod(code - 16, 2)
    e += 4
    return 1 << e | high << (e - 1) | bits.get(e - 1)


def _sequences(codes: list[list[int]], bits: Bits, n: int, literal: Callable[[int], int]) -> bytearray:
    out = bytearray()
    recent = [1, 4, 8]
    for run_code, length_code, offset_code in zip(*codes, strict=True):
        run, length = _value(run_code, bits), _value(length_code, bits) + 3
        offset = recent[offset_code] if offset_code < 3 else _value(offset_code - 3, bits) + 1
        if offset in recent:
            recent.remove(offset)
        recent = [offset, *recent][:3]
        check(0, len(out) + run + length, n)
        for _ in range(run):
            out.append(literal(len(out)))
        check(1, offset, len(out))
        for _ in range(length):
            out.append(out[-offset])
    while len(out) < n:
        out.append(literal(len(out)))
    return out


def _items(planes: bytes, width: int) -> bytes:
    """Bytes in memory order from planes of their items."""
    items = len(planes) // width
    out = bytearray(planes)
    for j in range(width):
        out[j : items * width : width] = planes[j * items : (j + 1) * items]
    return bytes(out)
