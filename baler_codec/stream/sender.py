"""The sending side: rows, or latents of a board, become blocks of frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .. import native, registry
from ..bound import ErrorBound
from ..codec import Baler
from ..encoders import EncoderSpec
from ..errors import BalerError, BoundError, ConfigError, ShapeError
from ..model import BoundSpec, Model
from ..settings import ModelSource
from .header import Block, Header
from .rows import blocks
from .writer import StreamWriter

BLOCK_ROWS = 4096
_NONE = np.empty(0, np.uint64)


@dataclass(frozen=True)
class Sent:
    """What went out: rows, outliers among them, bytes of the whole stream."""

    rows: int
    outliers: int
    bytes: int


def send(
    rows: npt.NDArray[Any] | Iterable[npt.NDArray[Any]],
    out: BinaryIO,
    model: ModelSource,
    *,
    block_rows: int = BLOCK_ROWS,
    threshold: BoundSpec | None = None,
    raw: bool = True,
    encoder: str | None = None,
    embed: bool = True,
) -> Sent:
    """Send rows as frames of latents.

    Parameters
    ----------
    rows : array or iterable of arrays
        (rows, columns of the model), all of one dtype.
    out : binary file
        Where to: a file, a pipe, `socket.makefile("wb")`. It is flushed after every block and left open.
    model : Model, str, path
        One with an autoencoder; whatever its bound, latents alone are sent.
    block_rows : int
        Rows of a frame, which is a chunk of the array that they are stored in.
    threshold : str, mapping or sequence, optional
        What `Model.with_bound` takes: rows that come back with a value outside are outliers. Each
        block is decoded for it.
    raw : bool
        Whether outliers are also sent as they are; False sends their numbers alone.
    encoder : str, optional
        As for `baler_codec.Baler`.
    embed : bool
        Whether the model goes ahead, so that the receiver needs nothing else.

    Returns
    -------
    Sent

    Notes
    -----
    If anything fails the stream has no end, by which every reader notices.
    """
    found = _latent_model(model)
    pieces = iter([rows] if isinstance(rows, np.ndarray) else rows)
    first = next(pieces, np.empty((0, found.n_columns), np.float32))
    dtype = np.dtype(first.dtype).newbyteorder("<")
    thresholds = _thresholds(found, threshold)
    header = Header(dtype, found.n_columns, block_rows, found.id, thresholds, raw and bool(thresholds))
    codec = Baler(found, encoder=encoder)
    writer = StreamWriter(out, header, found if embed else None)
    wanted = _checked(itertools.chain([first], pieces), dtype, found.n_columns)
    for block in blocks(wanted, block_rows):
        frame = codec.encode(_padded(block, block_rows))
        numbers, values = _NONE, None
        if thresholds:
            outside = _outside(block, codec.decode(frame)[: len(block)], thresholds)
            numbers = (outside + writer.rows).astype(np.uint64)
            values = block[outside] if raw else None
        writer.block(Block(writer.rows, len(block), frame, numbers, values))
    writer.end()
    return Sent(writer.rows, writer.outliers, writer.bytes)


def send_latents(
    latents: npt.NDArray[Any] | Iterable[npt.NDArray[Any]],
    out: BinaryIO,
    model: ModelSource,
    *,
    dtype: npt.DTypeLike = "<f4",
    block_rows: int = BLOCK_ROWS,
    embed: bool = True,
) -> Sent:
    """Send latents that were computed elsewhere, as on a board, as frames.

    Parameters
    ----------
    latents : array of integers or iterable of arrays
        (rows, latents of the model), inside the limits of its encoder.
    out, model, block_rows, embed
        As for `send`.
    dtype : dtype
        Of the values that readers will get.

    Returns
    -------
    Sent

    Notes
    -----
    Values that are not finite cannot be kept, and nobody can tell outliers: the rows are not here.
    """
    found = _latent_model(model)
    low, high = np.array(EncoderSpec.of(found).latents, np.int64).T
    header = Header(np.dtype(dtype).newbyteorder("<"), found.n_columns, block_rows, found.id)
    nothing = np.zeros((block_rows, found.n_columns), header.dtype)
    writer = StreamWriter(out, header, found if embed else None)
    pieces = iter([latents] if isinstance(latents, np.ndarray) else latents)
    for block in blocks(_checked(pieces, None, found.latents), block_rows):
        wrong = np.argwhere((block < low) | (block > high))
        if len(wrong):
            row, latent = wrong[0]
            raise BalerError(
                f"latent {latent} of row {writer.rows + row} is {block[row, latent]}: "
                f"the model's lie between {low[latent]} and {high[latent]}"
            )
        given = _padded(block, block_rows).astype(np.int32)
        frame = native.encode(nothing, model=found.native(), latents=given)
        if native.frame_info(np.frombuffer(frame, np.uint8)).mode != "latent":
            raise ConfigError(f"blocks of {block_rows} rows are too small for latents: take more rows a block")
        writer.block(Block(writer.rows, len(block), frame, _NONE))
    writer.end()
    return Sent(writer.rows, writer.outliers, writer.bytes)


def _latent_model(source: ModelSource) -> Model:
    model = source if isinstance(source, Model) else registry.load(source)
    if not model.latents or model.patch:
        raise ConfigError(f"the model {model.id} has no autoencoder of rows: streams of latents need one")
    return model if model.bounds[0].kind == "latent" else model.with_bound("latent")


def _thresholds(model: Model, wanted: BoundSpec | None) -> tuple[ErrorBound, ...]:
    if wanted is None:
        return ()
    found = model.with_bound(wanted).bounds
    if any(t.kind == "latent" for t in found):
        raise BoundError('"latent" is no threshold: say "abs=…", "pw_rel=…" or "range=…"')
    return found * model.n_columns if len(found) == 1 else found


def _checked(
    pieces: Iterable[npt.NDArray[Any]], dtype: np.dtype[Any] | None, columns: int
) -> Iterator[npt.NDArray[Any]]:
    for piece in pieces:
        if piece.ndim != 2 or piece.shape[1] != columns:
            raise ShapeError(f"rows of shape {piece.shape}: (rows, {columns}) is wanted")
        if dtype is None and piece.dtype.kind not in "iu":
            raise ShapeError(f"latents of {piece.dtype}: they are integers")
        if dtype is not None and piece.dtype.newbyteorder("<") != dtype:
            raise ShapeError(f"rows of {piece.dtype} in a stream of {dtype}: all rows have one dtype")
        yield piece if dtype is None else piece.astype(dtype, copy=False)


def _padded(block: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """Fill a block up by repeating its last row, which costs a frame nothing."""
    return block if len(block) == rows else np.concatenate([block, np.repeat(block[-1:], rows - len(block), 0)])


def _outside(
    given: npt.NDArray[Any], decoded: npt.NDArray[Any], thresholds: tuple[ErrorBound, ...]
) -> npt.NDArray[np.intp]:
    columns = zip(thresholds, np.ascontiguousarray(given.T), np.ascontiguousarray(decoded.T), strict=True)
    inside = [threshold.check(x, y) for threshold, x, y in columns]
    return np.flatnonzero(~np.all(inside, axis=0))
