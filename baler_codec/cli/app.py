"""The commands and their options; what they do is imported when they run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BalerError
from .encoders import list_encoders
from .hdf5 import hdf5
from .streams import store, stream

if TYPE_CHECKING:
    from ..io import Source

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Learned compression with a guaranteed bound.",
)
models = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Models known to this machine.")
app.add_typer(models, name="models")
app.add_typer(hdf5, name="hdf5")
app.command("encoders")(list_encoders)
app.command("stream")(stream)
app.command("store")(store)

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="FILE[:OBJECT]: .npy .npz .root .h5 .zarr")]
Columns = Annotated[str | None, typer.Option("--columns", help='only these, e.g. "Jet_pt,Jet_*"')]
BoundOption = Annotated[
    str | None,
    typer.Option(
        "--bound", help='"abs=1e-3", "range=1e-4", "exact", or by column "pt=pw_rel=1e-3,eta=abs=1e-3,*=exact"'
    ),
]
ModelOption = Annotated[str | None, typer.Option("--model", help="a model file, id, or name")]
EncoderOption = Annotated[
    str | None, typer.Option("--encoder", help="what computes latents; `baler encoders` lists what can run here")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace an existing file")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bar, no notes")]


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        print(f"baler {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


def _open(address: str, columns: str | None, quiet: bool = False) -> Source:
    from ..io import open_source

    source = open_source(address, [c.strip() for c in columns.split(",")] if columns else ())
    if not quiet:
        for note in source.notes:
            print(f"baler: {note}", file=sys.stderr)
    return source


def _bound_for(data: Source, bound: str) -> Any:
    from ..records import record_of
    from .bounds import parse, parse_fields

    return parse_fields(bound, record_of(data.dtype)) if data.dtype.names else parse(bound, data.names)


def _bar(quiet: bool) -> bool:
    return not quiet and sys.stderr.isatty()


@app.command()
def train(
    source: SourceArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="the model file to write (.baler)")],
    bound: BoundOption = None,
    latent: Annotated[str, typer.Option(help='latents of the autoencoder: "auto" or a number')] = "auto",
    hint: Annotated[list[str] | None, typer.Option(help='a formula, e.g. "pt = sqrt(e**2 - mass**2)"')] = None,
    hidden: Annotated[str | None, typer.Option(help='widths of the layers, e.g. "200,100,50"')] = None,
    kind: Annotated[
        str, typer.Option(help='"table" (rows, columns) or "grid" (fields, images, volumes, series)')
    ] = "table",
    chunks: Annotated[str | None, typer.Option(help='of a grid: the chunks to be written, e.g. "16,128,128"')] = None,
    patch: Annotated[
        str | None, typer.Option(help='of a grid with --bound latent: "auto" or a patch of frames, e.g. "8,8"')
    ] = None,
    encoder: Annotated[str | None, typer.Option(help='"fpga": an encoder for hardware (docs/fpga.md)')] = None,
    encoder_size: Annotated[
        str | None,
        typer.Option(help='of it, e.g. "hidden=20:10,weight_bits=6,input_bits=10,activation_bits=8,adders=600"'),
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed and data give the same model")] = 0,
    time_budget: Annotated[float, typer.Option(help="seconds of training")] = 300,
    columns: Columns = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train a model on a table or grid and save it."""
    from .bounds import parse
    from .encoder_options import encoder_options

    if output.exists() and not overwrite:
        raise BalerError(f"{output} exists: remove it, or give --overwrite")
    if latent != "auto" and not latent.isdecimal():
        raise BalerError(f'--latent is "auto" or a number, not {latent!r}')
    if kind not in ("table", "grid"):
        raise BalerError(f'--kind is "table" or "grid", not {kind!r}')
    options: dict[str, Any] = {"kind": kind, "hints": hint}
    if patch == "auto":
        options["patch"] = patch
    for name, numbers in (("hidden", hidden), ("chunks", chunks), ("patch", patch if patch != "auto" else None)):
        if numbers is not None:
            if not all(part.strip().isdecimal() for part in numbers.split(",")):
                raise BalerError(f"--{name} is a list of numbers like 200,100,50, not {numbers!r}")
            options[name] = tuple(int(part) for part in numbers.split(","))
    size = encoder_options(encoder, encoder_size)
    with _open(source, columns, quiet) as data:
        if kind != "grid":
            options |= {"columns": list(data.names), "units": data.units}
        if kind != "grid" and len(data.shape) != 2:
            raise BalerError(
                f"{source}: training wants a table (rows, columns), this array has shape {data.shape}: "
                "give --kind grid for fields, images and volumes"
            )
        try:
            from ..training import FpgaEncoder
            from ..training import train as train_model
        except ImportError as error:
            raise BalerError(f'training needs torch and tqdm ({error}): pip install "baler-codec[train]"') from None
        if size is not None:
            options["encoder"] = FpgaEncoder(**size)
        model = train_model(
            data.load(),
            bound=parse(bound, data.names) if bound else "exact",
            latent="auto" if latent == "auto" else int(latent),
            seed=seed,
            time_budget=time_budget,
            progress=not quiet,
            **options,
        )
    model.save(output)
    what = f"patches of {' x '.join(map(str, model.patch))}, {model.latents} latents" if model.patch else "for grids"
    what = what if kind == "grid" else f"{model.n_columns} columns, {model.latents} latents"
    print(f"{output}: {model.id}, {len(model)} bytes, {what}")


@app.command()
def compress(
    source: SourceArgument,
    dest: Annotated[str, typer.Argument(metavar="DEST", help="FILE[:OBJECT]: .h5 .zarr")],
    model: ModelOption = None,
    bound: BoundOption = None,
    latent: Annotated[bool, typer.Option("--latent", help="store latents only: no bound is kept")] = False,
    chunk_rows: Annotated[int | None, typer.Option(help="rows of a chunk")] = None,
    zarr_format: Annotated[int, typer.Option(help="2 or 3")] = 3,
    encoder: EncoderOption = None,
    unstable: Annotated[
        bool, typer.Option("--unstable", help="written once: smaller grids, values may move if re-encoded")
    ] = False,
    columns: Columns = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Compress an array or table into HDF5 or Zarr; without a model and a bound, bit for bit."""
    from .. import registry
    from ..io import write
    from ..io.save import settings_of

    if latent and bound:
        raise BalerError("--latent keeps no bound: give --latent or --bound")
    if latent and not model:
        raise BalerError("--latent needs a model with an autoencoder: give --model")
    with _open(source, columns, quiet) as data:
        found = registry.load(model) if model else None
        wanted = "latent" if latent else _bound_for(data, bound) if bound else None
        settings = settings_of(found, wanted, not unstable, data)
        path = write(
            dest,
            data,
            settings,
            chunk_rows=chunk_rows,
            zarr_format=zarr_format,
            overwrite=overwrite,
            progress=_bar(quiet),
            encoder=encoder,
        )
        stored = sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size
        print(f"{path}: {data.nbytes} -> {stored} bytes, ratio {data.nbytes / max(stored, 1):.2f}")


@app.command()
def decompress(
    source: SourceArgument,
    dest: Annotated[str, typer.Argument(metavar="DEST", help="FILE[:OBJECT]: .npy .npz .h5 .zarr")],
    columns: Columns = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write the values of any source plainly."""
    from ..io import write

    with _open(source, columns, quiet) as data:
        path = write(dest, data, overwrite=overwrite, progress=_bar(quiet))
        print(f"{path}: {' x '.join(map(str, data.shape)) or 'one value'} {data.dtype}")


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="FILE[:OBJECT] compressed by Baler, or a model file")],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    check: Annotated[bool, typer.Option("--check", help="also check the CRC of every frame")] = False,
) -> None:
    """Tell what is inside a compressed file: model, bounds, how each chunk was coded, ratios, who can read it."""
    from .report import inspect_file, inspect_model, text

    path = Path(file)
    found = inspect_model(path) if path.suffix == ".baler" else inspect_file(file, check)
    print(json.dumps(found, indent=1) if as_json else text(found))


@app.command()
def verify(
    original: Annotated[str, typer.Argument(metavar="ORIGINAL", help="FILE[:OBJECT]")],
    compressed: Annotated[str, typer.Argument(metavar="COMPRESSED", help="FILE[:OBJECT]")],
    bound: BoundOption = None,
    columns: Columns = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> int:
    """Check every value against its bound (by default, the bound the compressed file states).

    Exit status: 0 all inside, 1 a value is outside, 2 an error, 3 latent-only data, for which no bound exists.
    """
    from .verify import compare

    with _open(original, columns, True) as first:
        found = compare(first, compressed, bound)
    print(json.dumps(found.as_json(), indent=1) if as_json else found.text())
    return found.status


@models.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """List the models that are installed or shipped."""
    from .. import registry

    found = registry.list_models()
    if as_json:
        print(
            json.dumps(
                [{"path": p, "id": m.id, "columns": m.n_columns, "bytes": len(m)} for p, m in found.items()], indent=1
            )
        )
        return
    for path, model in found.items():
        print(f"{model.id}  {model.n_columns:4} columns  {len(model):7} bytes  {path}")
    if not found:
        print(f"no models; `baler models add FILE` installs one into {registry.user_folder()}", file=sys.stderr)


@models.command("add")
def add_model(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    name: Annotated[str | None, typer.Option(help="a short name for it")] = None,
) -> None:
    """Install a model file, so that every reader on this account finds it by its id."""
    from .. import registry

    print(registry.add(file, name=name))


@models.command("show")
def show_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a file, id, or name")],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Tell what a model is: columns, bounds, latents, provenance."""
    from .report import inspect_model, text

    found = inspect_model(model)
    print(json.dumps(found, indent=1) if as_json else text(found))
