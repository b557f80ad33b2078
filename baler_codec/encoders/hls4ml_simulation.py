"""The C simulation of an hls4ml project: its firmware compiled by g++, called with many rows at once."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._cache import BuildError, call, kept
from .hls4ml_graph import ACCELERATOR, NAME, STREAMED, HlsOptions, graph
from .spec import EncoderSpec

_HERE = Path(__file__).parent
_ROWS = _HERE / "hls4ml_rows.cpp"
_COMPILE = ("g++", "-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-w", "-shared")


def write_project(spec: EncoderSpec, options: HlsOptions, folder: Path) -> None:
    """Write the project of an encoder."""
    with contextlib.redirect_stdout(io.StringIO()):  # hls4ml tells what it does
        graph(spec, options, folder).write()
    if options.backend == ACCELERATOR:  # hls4ml 1.3 writes its own spelling of these types, which no compiler knows
        header = folder / "firmware" / f"{NAME}_axi.h"
        header.write_text(re.sub(r"typedef \S+ (T_in|T_out);", rf"typedef {STREAMED} \1;", header.read_text()))


class HlsSimulation:
    """An hls4ml project, ready for rows.

    Parameters
    ----------
    spec : EncoderSpec
        The encoder.
    options : HlsOptions
        Of the project.
    project : Path
        One that was written already; without it the library is built once and kept in the user's cache folder.
    """

    def __init__(self, spec: EncoderSpec, options: HlsOptions, project: Path | None = None) -> None:
        self.spec = spec
        if project is not None:
            built = _compile(spec, options, project, project / "rows.so")
        else:
            built = kept(_depends_on(spec, options), ".so", lambda work: _build(spec, options, work))
        self._rows = ctypes.CDLL(str(built)).encoder_rows
        self._rows.restype = ctypes.c_int64
        self._rows.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]

    def run(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        """Compute latents: (rows, inputs) → (rows, latents)."""
        inputs = np.ascontiguousarray(inputs, np.int16)
        if inputs.shape != (len(inputs), len(self.spec.inputs)):
            raise BuildError(f"rows of shape {inputs.shape} for an encoder of {len(self.spec.inputs)} inputs")
        out = np.empty((len(inputs), len(self.spec.latents)), np.int32)
        if self._rows(inputs.ctypes.data, len(inputs), out.ctypes.data) != len(inputs):
            raise BuildError("the stream of the simulated circuit ended a row in the wrong place")
        return out


def check(spec: EncoderSpec, options: HlsOptions, project: Path) -> int:
    """Compile the C simulation of a project and compare it with its specification.

    Returns
    -------
    int
        Rows that were compared.

    Raises
    ------
    BuildError
        If it computes anything else.
    """
    rows = spec.golden_inputs()
    wrong = (HlsSimulation(spec, options, project).run(rows) != spec.run(rows)).any(1)
    if wrong.any():
        raise BuildError(f"{wrong.sum()} of {len(rows)} rows of the C simulation differ from {spec.id}: do not use it")
    return len(rows)


def _depends_on(spec: EncoderSpec, options: HlsOptions) -> str:
    versions = []
    for package in ("hls4ml", "da4ml"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{package} {importlib.metadata.version(package)}")
    ours = [path.read_text() for path in (_ROWS, _HERE / "hls4ml_graph.py", _HERE / "hls4ml_simulation.py")]
    return "\n".join([spec.to_json(), repr(options), *versions, call(["g++", "--version"]), *ours])


def _build(spec: EncoderSpec, options: HlsOptions, work: Path) -> Path:
    write_project(spec, options, work / "project")
    return _compile(spec, options, work / "project", work / "rows.so")


def _compile(spec: EncoderSpec, options: HlsOptions, project: Path, library: Path) -> Path:
    firmware = project / "firmware"
    axi = options.backend == ACCELERATOR
    sources = [_ROWS, firmware / f"{NAME}.cpp", *([firmware / f"{NAME}_axi.cpp"] if axi else [])]
    numbers = [f"-DINPUTS={len(spec.inputs)}", f"-DLATENTS={len(spec.latents)}", *(["-DACCELERATOR"] if axi else [])]
    places = [f"-I{firmware}", f"-I{firmware / 'ap_types'}"]
    call([*_COMPILE, *numbers, *places, *(str(source) for source in sources), "-o", str(library)])
    return library
