"""`baler hdf5 …`: HDF5 libraries find the filter, and files hold what they need."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import BalerError

hdf5 = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="HDF5 files, and programs that read them.")

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="an HDF5 file")]
Target = Annotated[Path, typer.Argument(metavar="DEST", help="the file to write")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace an existing file")]


@hdf5.command()
def path(shell: Annotated[bool, typer.Option("--shell", help="as a line for a shell's start file")] = False) -> None:
    """Print the folder of the filter plugin, for HDF5_PLUGIN_PATH."""
    from .._plugin_path import PLUGIN_PATH

    line = f'export HDF5_PLUGIN_PATH="{PLUGIN_PATH}${{HDF5_PLUGIN_PATH:+:$HDF5_PLUGIN_PATH}}"'
    print(line if shell else PLUGIN_PATH)


@hdf5.command()
def enable() -> None:
    """Let every Python process of this environment, and the programs it starts, find the filter without an import."""
    from ..hdf5 import enable as do

    print(do())


@hdf5.command()
def disable() -> None:
    """Undo `enable`."""
    from ..hdf5 import disable as do

    for removed in do():
        print(f"removed {removed}")


@hdf5.command()
def doctor(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="HDF5 files")] = None,
    check: Annotated[bool, typer.Option("--check", help="also check the CRC of every chunk")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> int:
    """Tell whether programs find the filter, and datasets the models that they need.

    Exit status: 0 all is well, 1 a dataset cannot be read by everybody who has the file, 2 an error.
    """
    from ..hdf5 import diagnose

    found: dict[str, list[dict[str, Any]]] = {}
    sick = False
    for file in files or ():
        with _opened(file, "r") as opened:
            findings = diagnose(opened, check=check)
        sick |= any(not finding.healthy for finding in findings)
        found[str(file)] = [
            {
                "dataset": finding.dataset,
                "model_id": finding.model_id,
                "model": finding.model,
                "healthy": finding.healthy,
                "damaged": list(finding.damaged),
            }
            for finding in findings
        ]
        if not as_json:
            print(f"{file}: {len(findings)} datasets compressed by baler")
            for finding in findings:
                print(f"  {'' if finding.healthy else '! '}{finding}")
    if as_json:
        print(json.dumps({"plugin": _plugin(), "files": found}, indent=1))
    elif not files:
        for name, value in _plugin().items():
            print(f"{name}: {value}")
    if sick and not as_json:
        print("`baler hdf5 embed FILE` puts models that can be found here into the file", file=sys.stderr)
    return int(sick)


@hdf5.command()
def embed(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the HDF5 file to complete")],
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="model files, ids, names, or other HDF5 files")
    ] = None,
) -> None:
    """Put the models that the file's datasets need into it."""
    from ..hdf5 import mend

    with _opened(file, "r+") as opened:
        done = mend(opened, sources or ())
    for model_id in done:
        print(f"{file}: embedded {model_id}")
    if not done:
        print(f"{file}: nothing is missing")


@hdf5.command()
def repack(
    source: Source,
    dest: Target,
    model: Annotated[str | None, typer.Option("--model", help="a model file, id, or name")] = None,
    bound: Annotated[str | None, typer.Option("--bound", help='of floats, e.g. "abs=1e-3"; exact without it')] = None,
    names: Annotated[list[str] | None, typer.Option("--dataset", help="only these; with wildcards")] = None,
    unstable: Annotated[
        bool, typer.Option("--unstable", help="written once: smaller grids, values may move if re-encoded")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a file anew with its datasets compressed; all else in it stays as it is."""
    from ..hdf5 import repack as do

    _exists(source)
    options: dict[str, Any] = {"model": model, "bound": bound, "stable": not unstable, "overwrite": overwrite}
    _report(source, dest, do(source, dest, names=names or ["*"], **options))


@hdf5.command()
def strip(
    source: Source,
    dest: Target,
    to: Annotated[str, typer.Option(help='"gzip", "lzf", "zstd" or "none"')] = "gzip",
    overwrite: Overwrite = False,
) -> None:
    """Write a file anew without our filter: every HDF5 library reads it."""
    from ..hdf5 import strip as do

    _exists(source)
    _report(source, dest, do(source, dest, to=to, overwrite=overwrite))


def _plugin() -> dict[str, str]:
    from .._plugin_path import PLUGIN_PATH
    from ..hdf5._activation import enabled

    on = enabled()
    return {
        "plugin": PLUGIN_PATH,
        "this environment": f"enabled by {on}" if on else "not enabled; `baler hdf5 enable` does it",
        "other programs": "find it where HDF5_PLUGIN_PATH names its folder; `baler hdf5 path --shell` says how",
    }


def _exists(source: Path) -> None:
    import h5py  # type: ignore[import-untyped]

    if not source.is_file():
        raise BalerError(f"no file {source}: check the path")
    if not h5py.is_hdf5(source):
        raise BalerError(f"{source} is not an HDF5 file")


def _opened(file: Path, mode: str) -> Any:
    import h5py

    _exists(file)
    return h5py.File(file, mode)


def _report(source: Path, dest: Path, done: list[str]) -> None:
    before, after = source.stat().st_size, dest.stat().st_size
    print(f"{dest}: {len(done)} datasets, {before} -> {after} bytes")
