"""`baler stream` and `baler store`."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ..errors import BalerError

if TYPE_CHECKING:
    from ..model import Model

_SUFFIXES = (".npz", ".root", ".h5", ".hdf5", ".hdf", ".he5", ".nc", ".nc4", ".zarr", ".zr")


def stream(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help='raw rows: "-" or a file, FIFO; or FILE[:OBJECT]')],
    dest: Annotated[str, typer.Argument(metavar="DEST", help='"-" or a file, FIFO')],
    model: Annotated[str, typer.Option("--model", help="a model file, id, or name, with an autoencoder")],
    block_rows: Annotated[int, typer.Option(help="rows of a frame, later of a chunk")] = 4096,
    dtype: Annotated[str, typer.Option(help="of raw rows; of what is read of --latents")] = "f4",
    latents: Annotated[
        str | None, typer.Option("--latents", help='the source holds raw latents of a board: "i1", "i2" or "i4"')
    ] = None,
    threshold: Annotated[
        str | None, typer.Option("--threshold", help="rows with a value outside are outliers; written as --bound is")
    ] = None,
    flags_only: Annotated[bool, typer.Option("--flags-only", help="send outliers' numbers, not their rows")] = False,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="what computes latents, see `baler encoders`")
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="the receiver has the model already")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an existing file")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no notes")] = False,
) -> None:
    """Send rows as frames of latents: no bound is kept, outliers can travel beside."""
    from .. import registry
    from ..stream import send, send_latents
    from .bounds import parse

    found = registry.load(model)
    if latents is not None and (threshold or encoder):
        raise BalerError("--latents are encoded already, and their rows are not here: no --threshold, no --encoder")
    common: dict[str, Any] = {"block_rows": block_rows, "embed": not no_model}
    with _rows(source, found, dtype, latents, block_rows) as pieces, _output(dest, overwrite) as out:
        if latents is not None:
            sent = send_latents(pieces, out, found, dtype=_dtype(dtype), **common)
        else:
            common |= {"threshold": parse(threshold, found.columns) if threshold else None, "raw": not flags_only}
            sent = send(pieces, out, found, encoder=encoder, **common)
    if not quiet:
        outliers = f", {sent.outliers} outliers" if threshold else ""
        each = f", {sent.bytes / sent.rows:.2f} a row" if sent.rows else ""
        print(f"baler: {sent.rows} rows{outliers}, {sent.bytes} bytes{each}", file=sys.stderr)


def store(
    source: Annotated[str, typer.Argument(metavar="STREAM", help='what `baler stream` wrote: "-" or a file, FIFO')],
    dest: Annotated[str, typer.Argument(metavar="DEST", help="FILE[:NAME]: .h5 .zarr")],
    model: Annotated[str | None, typer.Option("--model", help="for streams without their model")] = None,
    zarr_format: Annotated[int, typer.Option(help="2 or 3")] = 3,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an existing file")] = False,
) -> None:
    """Store a stream as HDF5 or Zarr: its frames become chunks as they are."""
    from ..stream import store as store_stream

    with _input(source) as file:
        print(store_stream(file, dest, model=model, zarr_format=zarr_format, overwrite=overwrite))


@contextlib.contextmanager
def _rows(source: str, model: Model, dtype: str, latents: str | None, at_once: int) -> Iterator[Iterator[Any]]:
    from ..stream.rows import latents_in, npy_rows_in, rows_in

    if latents is None and source != "-" and Path(source.rpartition(":")[0] or source).suffix.lower() in _SUFFIXES:
        from ..io import open_source

        with open_source(source) as table:
            yield (block for _, block in table.blocks(at_once))
        return
    with _input(source) as file:
        width = model.latents if latents is not None else model.n_columns
        if Path(source).suffix.lower() == ".npy":
            yield npy_rows_in(file, width)
        elif latents is not None:
            yield latents_in(file, width, _dtype(latents), at_once=at_once)
        else:
            yield rows_in(file, width, _dtype(dtype), at_once=at_once)


def _dtype(text: str) -> Any:
    import numpy as np

    try:
        return np.dtype(text)
    except TypeError:
        raise BalerError(f'{text!r} is no dtype: write "f4", "f8", "i2" …') from None


@contextlib.contextmanager
def _input(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
        return
    with open(source, "rb") as file:
        yield file


@contextlib.contextmanager
def _output(dest: str, overwrite: bool) -> Iterator[BinaryIO]:
    """Open what a stream goes to; a file has its name when the stream is complete."""
    if dest == "-":
        yield sys.stdout.buffer
        return
    path = Path(dest)
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        with open(path, "wb") as file:  # a FIFO, a device
            yield file
        return
    if path.exists() and not overwrite:
        raise BalerError(f"{path} exists: remove it, or give --overwrite")
    if not path.parent.is_dir():
        raise BalerError(f"{path}: the directory {path.parent} does not exist")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        with open(Path(folder) / path.name, "wb") as file:
            yield file
        os.replace(Path(folder) / path.name, path)
