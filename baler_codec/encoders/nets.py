"""The encoder network of a model file, read from its table section (docs/format.md, section 7)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import native
from ..errors import ConfigError, CorruptDataError
from ..model import Model
from ..sections import split_sections

Ints = npt.NDArray[np.int64]
SPIKE = 1  # input type: the column has its spike value; 0: the column's value, warped
_CONSTANT, _COLUMN, _COLUMN_BEFORE = 0, 1, 17  # operations of hints that have an operand
_HEAD, _PACKED = "<HH", "<HHI"


@dataclass(frozen=True)
class Layer:
    """One layer: weights by (output, input), bias and shift by output, negative hidden values >> `activation`."""

    weight: Ints
    bias: Ints
    shift: Ints
    activation: int


@dataclass(frozen=True)
class Net:
    """A network and what it reads: (type, shift, variable)."""

    inputs: list[tuple[int, int, int]]
    layers: list[Layer]
    skip: bool


@dataclass(frozen=True)
class Variable:
    """What an encoder needs of a column or a latent."""

    derived: bool
    lo: float
    hi: float
    spike: float | None
    x: tuple[float, ...]
    z: tuple[int, ...]  # in eighths


@dataclass(frozen=True)
class EncoderNet:
    """The encoder network with the columns it sees and the latents it gives."""

    columns: list[Variable]
    latents: list[Variable]
    net: Net


def encoder_net(model: Model) -> EncoderNet:
    """Return the encoder network of a model.

    Raises
    ------
    ConfigError
        If the model has none, or one that reads patches.
    """
    if not model.latents:
        raise ConfigError("this model has no encoder network: train one with latent=…, or leave encoder= away")
    if model.patch:
        raise ConfigError("the encoder of this model reads patches of frames: encoder= is for models of tables")
    model.native()  # parses and proves it: nothing below meets damaged bytes
    return _Reader(_table(model)).encoder()


def _table(model: Model) -> bytes:
    sections = split_sections(bytes(model))
    if "TABL" in sections:
        return sections["TABL"]
    packed = sections["TABZ"]
    _, _, size = struct.unpack_from(_PACKED, packed)
    payload = packed[struct.calcsize(_PACKED) :]
    # the payload of a frame of bytes: one is put round it, and the library unpacks it
    head = b"BLRC" + bytes([1, native.MODES.index("bytes"), ord("V"), 8, 1, 1, 0])
    frame = head + _varint(len(payload)) + b"\0" + _varint(size) + payload
    frame += struct.pack("<I", zlib.crc32(frame))
    out = np.empty(size, np.uint8)
    native.decode(np.frombuffer(frame, np.uint8), out)
    return out.tobytes()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class _Reader:
    """Goes through a table section from its beginning; what comes before the encoder is stepped over."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def encoder(self) -> EncoderNet:
        columns, latents, relations, hints = self._take("<4H")
        variables = [self._variable() for _ in range(columns + latents)]
        order = self._take(f"<{columns + latents}H")
        for _ in range(relations):
            _, _, terms = self._take("<HdB")
            self._skip(10 * terms)
        for _ in range(hints):
            _, steps = self._take("<HH")
            for _ in range(steps):
                (op,) = self._take("<B")
                self._skip(8 if op == _CONSTANT else 2 if op in (_COLUMN, _COLUMN_BEFORE) else 0)
        for v in order:
            if not variables[v].derived:
                self._net()
        return EncoderNet(variables[:columns], variables[columns:], self._net())

    def _take(self, form: str) -> tuple[Any, ...]:
        if struct.calcsize(form) > len(self._data) - self._at:
            raise CorruptDataError("the table section of the model ends early: get the file again")
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def _skip(self, n: int) -> None:
        self._at += n

    def _numbers(self, dtype: str, n: int) -> npt.NDArray[Any]:
        values = np.frombuffer(self._data, dtype, n, self._at)
        self._at += values.nbytes
        return values

    def _variable(self) -> Variable:
        flags, _, knots, _, lo, hi, spike, _, _, _ = self._take("<BBBB5dH")
        x = tuple(float(v) for v in self._numbers("<f4", knots))
        z = tuple(int(v) for v in self._numbers("i1", knots))
        derived = bool(flags & 4)
        self._skip(0 if derived else 36)  # the shapes of what is coded
        return Variable(derived, lo, hi, spike if flags & 1 else None, x, z)

    def _net(self) -> Net:
        layers, skip, width = self._take("<BBH")
        inputs: list[tuple[int, int, int]] = [self._take("<BBH") for _ in range(width)]
        n = width
        made: list[Layer] = []
        for i in range(layers):
            outputs, activation, size = self._take("<HBB")
            n += width if skip and i == layers - 1 else 0
            weight = self._numbers("<i2" if size == 2 else "i1", outputs * n).astype(np.int64).reshape(outputs, n)
            bias = self._numbers("<i4", outputs).astype(np.int64)
            made.append(Layer(weight, bias, self._numbers("u1", outputs).astype(np.int64), activation))
            n = outputs
        return Net(inputs, made, bool(skip))
