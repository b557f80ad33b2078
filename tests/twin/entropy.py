"""Section 4: rANS, plain bits, byte runs, frequency tables."""

from __future__ import annotations

import struct

from .reader import CorruptDataError, Reader

BLOCK = 4096  # rows


def lanes_for(rows: int) -> int:
    return 32 if rows >= 8192 else 8 if rows >= 2048 else 2 if rows >= 256 else 1


class Rans:
    """Interleaved rANS with 16-bit intervals; the caller looks into `slot` and says which interval holds it."""

    def __init__(self, stream: bytes, lanes: int) -> None:
        reader = Reader(stream)
        self.state = [reader.u32() for _ in range(lanes)]
        if reader.left % 2:
            raise CorruptDataError("rANS stream of an odd length")
        words = reader.rest()
        self.words = struct.unpack(f"<{len(words) // 2}H", words)
        self.at = 0

    def slot(self, lane: int) -> int:
        return self.state[lane] & 0xFFFF

    def advance(self, lane: int, start: int, freq: int) -> None:
        x = self.state[lane]
        x = freq * (x >> 16) + (x & 0xFFFF) - start
        if x < 1 << 16:
            if self.at == len(self.words):
                raise CorruptDataError("rANS stream ends early")
            x = x << 16 | self.words[self.at]
            self.at += 1
        self.state[lane] = x

    def finish(self) -> None:
        if self.at != len(self.words) or any(x != 1 << 16 for x in self.state):
            raise CorruptDataError("rANS stream does not end where it began")


class Bits:
    """Plain bits, least significant first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def get(self, n: int) -> int:
        end = self.at + n
        if end > 8 * len(self.data):
            raise CorruptDataError("bits end early")
        value = int.from_bytes(self.data[self.at >> 3 : (end + 7) >> 3], "little") >> (self.at & 7)
        self.at = end
        return value & ((1 << n) - 1)

    def finish(self) -> None:
        left = 8 * len(self.data) - self.at
        if left >= 8 or self.get(left):
            raise CorruptDataError("bits left over")


class FrequencyTable:
    """Static frequencies of few symbols: written as gaps and varints, decoded by a linear look-up table."""

    def __init__(self, reader: Reader, symbols: int, total: int) -> None:
        used = reader.varint()
        symbol = -1
        self.start: dict[int, int] = {}
        self.freq: dict[int, int] = {}
        self.lookup: list[int] = []
        for _ in range(used):
            symbol += reader.u8() + 1
            freq = reader.varint()
            if symbol >= symbols or not 1 <= freq <= total - len(self.lookup):
                raise CorruptDataError("frequency table")
            self.start[symbol], self.freq[symbol] = len(self.lookup), freq
            self.lookup += [symbol] * freq
        if used and len(self.lookup) != total:
            raise CorruptDataError("frequencies do not sum to their total")
        self.scale = (1 << 16) // total

    def decode(self, rans: Rans, lane: int) -> int:
        if not self.lookup:
            raise CorruptDataError("symbol of a table that is not there")
        symbol = self.lookup[rans.slot(lane) // self.scale]
        rans.advance(lane, self.start[symbol] * self.scale, self.freq[symbol] * self.scale)
        return symbol


def byte_run(reader: Reader) -> bytes:
    """Side data: plain, constant or order-0 coded."""
    method, n = reader.u8(), reader.varint()
    if method == 0:
        return reader.raw(n)
    if method == 1:
        return reader.raw(1) * n
    if method != 2:
        raise CorruptDataError(f"byte run of method {method}")
    table = FrequencyTable(reader, 256, 4096)
    rans = Rans(reader.raw(reader.varint()), 1)
    result = bytes(table.decode(rans, 0) for _ in range(n))
    rans.finish()
    return result


def normalise(counts: list[int], total: int) -> list[int]:
    """Counts to frequencies that sum to `total`, every count that is not 0 at least 1."""
    counted = sum(counts)
    freq = [max(1, c * total // counted) if c else 0 for c in counts]
    difference = total - sum(freq)
    for i in sorted(range(len(freq)), key=lambda i: (-freq[i], i)):
        change = max(difference, 1 - freq[i])
        freq[i] += change
        difference -= change
        if not difference:
            break
    return freq
