"""What a stream says of itself, and what it is made of."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..bound import ErrorBound
from ..errors import CorruptDataError, UnsupportedVersionError
from ..sections import MAX_COLUMNS
from .wire import check, crc, exactly

MAGIC, VERSION = b"BLRS", 1
MAX_BLOCK = 1 << 30  # bytes of a block's rows
_HEAD, _THRESHOLD = "<4sBcBBII32sH", "<Bd"
_KINDS = ("exact", "abs", "pw_rel")
_ITEMS = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8)}
_RAW = 1


@dataclass(frozen=True)
class Header:
    """What a stream says before its first frame.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the rows, little-endian.
    columns, block_rows : int
        The shape of every frame.
    model_id : str
        Of the model that all frames need.
    thresholds : tuple of ErrorBound
        One for each column: a row with a value outside is an outlier. Empty: nobody looked.
    raw : bool
        Whether outliers are sent as they are beside their numbers.
    """

    dtype: np.dtype[Any]
    columns: int
    block_rows: int
    model_id: str
    thresholds: tuple[ErrorBound, ...] = ()
    raw: bool = False

    def __post_init__(self) -> None:
        if self.dtype.kind not in _ITEMS or self.dtype.itemsize not in _ITEMS[self.dtype.kind]:
            raise CorruptDataError(f"a stream of {self.dtype}: rows are floats of 2, 4 or 8 bytes, or integers")
        if not 1 <= self.columns <= MAX_COLUMNS:
            raise CorruptDataError(f"a stream of {self.columns} columns: there are 1 to {MAX_COLUMNS}")
        if self.block_rows < 1 or self.block_bytes > MAX_BLOCK:
            raise CorruptDataError(
                f"blocks of {self.block_rows} rows: they have 1 row or more and {MAX_BLOCK} bytes or less"
            )
        if self.thresholds and len(self.thresholds) != self.columns:
            raise CorruptDataError(f"{len(self.thresholds)} thresholds for {self.columns} columns")
        if self.raw and not self.thresholds:
            raise CorruptDataError("a stream with raw outliers and no threshold that makes them")

    @property
    def block_bytes(self) -> int:
        """Size of the rows of a block."""
        return self.block_rows * self.columns * self.dtype.itemsize

    def pack(self) -> bytes:
        """Return the header's bytes."""
        digest = bytes.fromhex(self.model_id.removeprefix("sha256:"))
        kind, flags = self.dtype.kind.encode(), _RAW * self.raw
        told = struct.pack(
            *(_HEAD, MAGIC, VERSION, kind, self.dtype.itemsize, flags, self.columns, self.block_rows, digest),
            len(self.thresholds),
        )
        told += b"".join(struct.pack(_THRESHOLD, _KINDS.index(t.kind), t.value) for t in self.thresholds)
        return told + crc(told)

    @classmethod
    def read(cls, file: BinaryIO) -> Header:
        """Read the header from the beginning of a stream."""
        told = exactly(file, struct.calcsize(_HEAD), "the header")
        magic, version, kind, itemsize, flags, columns, block_rows, digest, n = struct.unpack(_HEAD, told)
        if magic != MAGIC:
            raise CorruptDataError(f"this is no stream of latents: it begins with {magic!r}, not {MAGIC!r}")
        if version != VERSION:
            raise UnsupportedVersionError(
                f"a stream of version {version}: this release reads {VERSION}; upgrade baler-codec"
            )
        if n > MAX_COLUMNS:
            raise CorruptDataError(f"the header claims {n} thresholds: there are at most {MAX_COLUMNS}")
        told += exactly(file, n * struct.calcsize(_THRESHOLD), "the header")
        check(file, told, "the header")
        if flags & ~_RAW or kind.decode("latin-1") not in _ITEMS:
            raise CorruptDataError(
                f"the header has flags {flags:#x} and kind {kind!r}, which this release does not know"
            )
        pairs = struct.iter_unpack(_THRESHOLD, told[struct.calcsize(_HEAD) :])
        thresholds = tuple(_threshold(kind, value) for kind, value in pairs)
        if itemsize not in _ITEMS[kind.decode()]:
            raise CorruptDataError(f"the header claims items of {itemsize} bytes")
        dtype = np.dtype(f"<{kind.decode()}{itemsize}")
        return cls(dtype, columns, block_rows, "sha256:" + digest.hex(), thresholds, bool(flags & _RAW))


@dataclass(frozen=True)
class Block:
    """A frame of rows, and which of them are outliers.

    Parameters
    ----------
    first, rows : int
        Number of the first row in the stream, and how many there are; the frame's other rows repeat the last one.
    frame : bytes
        An ordinary frame of docs/format.md, section 1.
    numbers : numpy.ndarray of uint64
        Of the rows outside their threshold, ascending, counted from the beginning of the stream.
    values : numpy.ndarray, optional
        These rows as they were, if the stream has raw outliers.
    """

    first: int
    rows: int
    frame: bytes
    numbers: npt.NDArray[np.uint64]
    values: npt.NDArray[Any] | None = None


def _threshold(kind: int, value: float) -> ErrorBound:
    if kind >= len(_KINDS):
        raise CorruptDataError(f"the header has a threshold of the unknown kind {kind}")
    try:
        return ErrorBound(_KINDS[kind], value)
    except ValueError as error:
        raise CorruptDataError(f"the header has a threshold that cannot be: {error}") from None
