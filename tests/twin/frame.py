"""Section 1: the chunk frame."""

from __future__ import annotations

import hashlib
import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import builtin, grid, latent, lz, records
from .conditional import Decoder
from .exceptions import Exceptions, read_exceptions
from .lattice import ABS, EXACT, LATENT, PW_REL, cast
from .lattice import lattice as make_lattice
from .model_file import Model, read_model
from .reader import CorruptDataError, ModelNotFoundError, Reader, UnsupportedVersionError

STORED, BUILTIN, MODEL, LATENT_ONLY, BYTES, GRID, FIELDS = range(7)
SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "V": range(1, 65536)}


@dataclass
class Frame:
    mode: int
    dtype: np.dtype  # little-endian
    big_endian: bool
    fortran: bool
    stable: bool
    bound: tuple[int, float]
    n_exceptions: int
    shape: tuple[int, ...]
    model_id: bytes | None
    payload: Reader

    @property
    def n_values(self) -> int:
        return math.prod(self.shape)

    @property
    def table(self) -> tuple[int, int] | None:
        """Rows and columns, or None when the chunk is one column of all values in memory order."""
        if len(self.shape) == 1:
            return self.shape[0], 1
        if len(self.shape) == 2 and self.shape[1] <= 1024:
            return self.shape[0], self.shape[1]
        return None

    def fits(self, model: Model) -> bool:
        return model.fits(self.table[1] if self.table else None, len(self.shape))


def read_frame(data: bytes) -> Frame:
    head = Reader(data)
    if head.raw(4) != b"BLRC":
        raise CorruptDataError("not a frame")
    if (version := head.u8()) != 1:
        raise UnsupportedVersionError(f"frame of version {version}")
    mode, kind, flags, itemsize, ndim = head.u8(), chr(head.u8()), head.u8(), head.varint(), head.u8()
    bound_kind = head.u8()
    bound = 0.0 if bound_kind == EXACT else head.f64()
    payload_size, n_exceptions = head.varint(), head.varint()
    if mode > FIELDS:
        raise UnsupportedVersionError(f"frame of mode {mode}")
    if kind not in SIZES or flags > 15 or itemsize not in SIZES[kind] or ndim > 32:
        raise CorruptDataError("header")
    shape = tuple(head.varint() for _ in range(ndim))
    model_id = head.raw(32) if flags & 4 else None
    if math.prod(shape) * itemsize >= 1 << 47:
        raise CorruptDataError("shape")
    if bound_kind not in (EXACT, ABS, PW_REL) or (model_id and bound_kind):
        raise CorruptDataError("kind of bound")
    if not (bound == 0 if bound_kind == EXACT else math.isfinite(bound) and bound > 0):
        raise CorruptDataError("value of the bound")
    payload = Reader(head.raw(payload_size))
    crc = head.u32()
    head.finish()
    if crc != zlib.crc32(data[:-4]):
        raise CorruptDataError("CRC")
    dtype = np.dtype(f"V{itemsize}" if kind == "V" else f"<{kind}{itemsize}")
    big, fortran, stable = (bool(flags & bit) for bit in (1, 2, 8))
    return Frame(mode, dtype, big, fortran, stable, (bound_kind, bound), n_exceptions, shape, model_id, payload)


def decode(data: bytes, model_bytes: bytes | None = None) -> NDArray[np.generic]:
    frame = read_frame(data)
    model = None
    if frame.model_id is not None:
        if model_bytes is None or hashlib.sha256(model_bytes).digest() != frame.model_id:
            raise ModelNotFoundError(f"sha256:{frame.model_id.hex()}")
        model = read_model(model_bytes)
    if frame.mode in (STORED, BYTES):
        if frame.n_exceptions:
            raise CorruptDataError("exceptions in a frame that has none")
        return _in_memory_order(frame, _whole_items(frame))
    if not frame.n_values:
        raise CorruptDataError("a chunk without values is stored")
    if frame.mode == GRID:
        return _in_memory_order(frame, _grid(frame, model))
    if frame.mode == FIELDS:
        return _in_memory_order(frame, _records(frame))
    if frame.mode == LATENT_ONLY and model is not None and model.patch:
        return _byte_order(frame, _patches(frame, model))
    columns = _columns(frame, model)
    if len(columns) > 1 or frame.table:
        array = np.empty((len(columns[0]), len(columns)), frame.dtype, order="F" if frame.fortran else "C")
        for c, column in enumerate(columns):
            array[:, c] = column
        return _byte_order(frame, array.reshape(frame.shape, order="F" if frame.fortran else "C"))
    return _in_memory_order(frame, columns[0])


def _byte_order(frame: Frame, array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.astype(frame.dtype.newbyteorder(">")) if frame.big_endian and frame.dtype.kind != "V" else array


def _in_memory_order(frame: Frame, values: NDArray[np.generic]) -> NDArray[np.generic]:
    return _byte_order(frame, values.reshape(frame.shape, order="F" if frame.fortran else "C"))


def _whole_items(frame: Frame) -> NDArray[np.generic]:
    size = frame.n_values * frame.dtype.itemsize
    data = frame.payload.raw(size) if frame.mode == STORED else lz.decode(frame.payload, size, frame.dtype.itemsize)
    frame.payload.finish()
    dtype = frame.dtype.newbyteorder(">") if frame.big_endian and frame.dtype.kind != "V" else frame.dtype
    return np.frombuffer(data, dtype).astype(frame.dtype)


def _rule(frame: Frame, model: Model | None, column: int) -> tuple[int, float, float, float]:
    """Bound, unit and noise of a column: section 1, which model fits a chunk."""
    if model is None:
        return *frame.bound, 0.0, 0.0
    if frame.fits(model):
        v = model.variables[column] if model.columns and not model.patch else None
        return *model.bound(column), v.unit if v else 0.0, v.noise if v else 0.0
    return *(model.bounds[0] if len(set(model.bounds)) == 1 else (EXACT, 0.0)), 0.0, 0.0


def _grid(frame: Frame, model: Model | None) -> NDArray[np.generic]:
    """Section 12: all values on one lattice."""
    if frame.dtype.kind == "V":
        raise CorruptDataError("values without numbers are stored or bytes")
    fits = model is not None and frame.fits(model)
    if model is not None and fits and ((model.columns and not model.patch) or len(set(model.bounds)) > 1):
        raise CorruptDataError("grid of columns with lattices of their own")
    lattice = make_lattice(frame.dtype, *_rule(frame, model, 0))
    memory_order = frame.shape[::-1] if frame.fortran else frame.shape
    net = model.grid if model else None
    return grid.decode(memory_order, lattice, frame.stable, frame.n_exceptions, frame.payload, net)


def _records(frame: Frame) -> NDArray[np.generic]:
    if frame.dtype.kind != "V" or frame.model_id or frame.bound[0]:
        raise CorruptDataError("records are of kind V, and hold their bounds themselves")
    items, exceptions = records.decode(frame.payload, frame.dtype.itemsize, frame.n_values)
    frame.payload.finish()
    if exceptions != frame.n_exceptions:
        raise CorruptDataError("number of exceptions")
    return np.frombuffer(items.tobytes(), frame.dtype)


def _columns(frame: Frame, model: Model | None) -> list[NDArray[np.generic]]:
    if frame.dtype.kind == "V":
        raise CorruptDataError("values without numbers are stored or bytes")
    rows, n_columns = frame.table or (frame.n_values, 1)
    reader = frame.payload
    exceptions = read_exceptions(reader, n_columns, rows, frame.dtype.itemsize)
    if sum(len(e.rows) for e in exceptions.values()) != frame.n_exceptions:
        raise CorruptDataError("number of exceptions")
    lattices = [make_lattice(frame.dtype, *_rule(frame, model, c)) for c in range(n_columns)]
    if frame.mode == BUILTIN:
        shape = frame.table or tuple(reversed(frame.shape) if frame.fortran else frame.shape)
        k = builtin.decode(shape, lattices, _masks(exceptions, n_columns, rows), reader)
        reader.finish()
        columns = [lattice.restore(k_c) for lattice, k_c in zip(lattices, k, strict=True)]
    else:
        if model is None or not model.columns or not frame.fits(model):
            raise CorruptDataError("frame of a table model without one that fits")
        if (frame.mode == LATENT_ONLY) != (model.bounds[0][0] == LATENT):
            raise CorruptDataError("mode and model do not belong together")
        if frame.mode == MODEL:
            decoder = Decoder(model, rows, lattices, _masks(exceptions, n_columns, rows))
            k = decoder.decode(reader)
            columns = [lattice.restore(k_c) for lattice, k_c in zip(lattices, k, strict=False)]
        else:
            columns = [cast(x, frame.dtype) for x in latent.decode(model, rows, lattices, reader)]
    return [_with_exceptions(column, exceptions.get(c)) for c, column in enumerate(columns)]


def _patches(frame: Frame, model: Model) -> NDArray[np.generic]:
    """Section 9: rows are patches of frames."""
    if frame.dtype.kind == "V" or not frame.fits(model):
        raise CorruptDataError("frame of a model of patches that does not fit")
    reader = frame.payload
    exceptions = read_exceptions(reader, 1, frame.n_values, frame.dtype.itemsize)
    if sum(len(e.rows) for e in exceptions.values()) != frame.n_exceptions:
        raise CorruptDataError("number of exceptions")
    order = "F" if frame.fortran else "C"
    values = cast(latent.decode_patches(model, frame.shape, reader).ravel(order), frame.dtype)
    return _with_exceptions(values, exceptions.get(0)).reshape(frame.shape, order=order)


def _masks(exceptions: dict[int, Exceptions], columns: int, rows: int) -> list[NDArray[np.bool_] | None]:
    masks: list[NDArray[np.bool_] | None] = [None] * columns
    for c, e in exceptions.items():
        mask = np.zeros(rows, np.bool_)
        mask[e.rows] = True
        masks[c] = mask
    return masks


def _with_exceptions(column: NDArray[np.generic], exceptions: Exceptions | None) -> NDArray[np.generic]:
    if exceptions:
        column = column.copy()
        column[exceptions.rows] = np.frombuffer(exceptions.items, column.dtype)
    return column
