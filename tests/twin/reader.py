"""Conventions: little-endian numbers, varints, and the named ways in which bytes can be wrong."""

from __future__ import annotations

import struct


class CorruptDataError(ValueError):
    """Frame or model bytes are damaged."""


class UnsupportedVersionError(ValueError):
    """A version number that this reader does not know."""


class ModelInvalidError(ValueError):
    """A model file that breaks a rule of its own."""


class ModelNotFoundError(ValueError):
    """The frame wants a model that was not given."""


class Reader:
    """Bytes from front to back; never reads past the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def raw(self, n: int) -> bytes:
        if n > self.left:
            raise CorruptDataError(f"{n} bytes wanted, {self.left} left")
        self.at += n
        return self.data[self.at - n : self.at]

    def rest(self) -> bytes:
        return self.raw(self.left)

    def unpack(self, format: str) -> int:
        return struct.unpack("<" + format, self.raw(struct.calcsize("<" + format)))[0]  # type: ignore[no-any-return]

    def u8(self) -> int:
        return self.unpack("B")

    def i8(self) -> int:
        return self.unpack("b")

    def u16(self) -> int:
        return self.unpack("H")

    def u32(self) -> int:
        return self.unpack("I")

    def i32(self) -> int:
        return self.unpack("i")

    def u64(self) -> int:
        return self.unpack("Q")

    def f64(self) -> float:
        return float(self.unpack("d"))

    def varint(self) -> int:
        value = 0
        for position in range(10):
            byte = self.u8()
            value |= (byte & 127) << (7 * position)
            if byte < 128:
                if value >= 1 << 64:
                    break
                return value
        raise CorruptDataError("overlong integer")

    def zigzag(self) -> int:
        return unzigzag(self.varint())

    def finish(self) -> None:
        if self.left:
            raise CorruptDataError(f"{self.left} bytes too many")


def unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def wrap64(value: int) -> int:
    """The 64-bit two's complement number that equals `value` mod 2^64."""
    return ((value + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)
