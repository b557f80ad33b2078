"""A design in simulation: Verilator makes C++ of it, g++ a library, and rows of numpy go through its streams."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from baler_codec.encoders._cache import call, kept
from baler_codec.encoders.spec import EncoderSpec
from baler_codec.errors import BalerError

from .design import Design

_COMPILE = ("g++", "-std=c++20", "-O1", "-fPIC", "-w", "-pthread")
_HARNESS = Path(__file__).with_name("stream_harness.cpp")


class SimulationError(BalerError):
    """A circuit got rows that it is not built for, or it stopped giving latents."""


@dataclass(frozen=True)
class Run:
    """What came out, and what it took."""

    latents: npt.NDArray[np.int32]
    cycles: int
    first: int  # cycle of the first beat of latents
    wrong_last: int  # beats with a wrong TLAST


class Simulation:
    """The circuit of a design, ready for rows.

    Parameters
    ----------
    design : Design
        What is simulated. Its library is built once and kept in the user's cache folder.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self._lib = ctypes.CDLL(str(_built(design)))
        pointer, number = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)
        self._lib.circuit_new.restype, self._lib.circuit_new.argtypes = pointer, []
        self._lib.circuit_free.restype, self._lib.circuit_free.argtypes = None, [pointer]
        self._lib.circuit_run.restype = ctypes.c_int64
        self._lib.circuit_run.argtypes = [
            *(pointer, pointer, ctypes.c_int64, pointer, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64),
            *(number, number, number),
        ]
        self._circuit = self._lib.circuit_new()
        weakref.finalize(self, self._lib.circuit_free, self._circuit).atexit = False

    @classmethod
    def of(cls, spec: EncoderSpec) -> Simulation:
        """Build the circuit of an encoder with the usual settings."""
        return cls(Design.of(spec))

    def run(self, inputs: npt.NDArray[Any], *, stall: int = 0, seed: int = 1, packet: int = 1 << 62) -> Run:
        """Send rows through the streams.

        Parameters
        ----------
        inputs : numpy.ndarray
            (rows, inputs), int16.
        stall : int
            Percent of the cycles in which a side does not go on, by chance.
        seed : int
            Of that chance.
        packet : int
            Rows between two TLAST.
        """
        inputs = np.ascontiguousarray(inputs, np.int16)
        rows, spec = len(inputs), self.design.spec
        if inputs.shape != (rows, len(spec.inputs)):
            raise SimulationError(f"rows of shape {inputs.shape} for an encoder of {len(spec.inputs)} inputs")
        if rows and ((inputs < spec.low) | (inputs > spec.high)).any():
            raise SimulationError("an input lies outside the range that the circuit is built for")
        out = np.empty((rows, len(spec.latents)), np.int16)
        cycles, first, wrong = (ctypes.c_int64() for _ in range(3))
        done = self._lib.circuit_run(
            *(self._circuit, inputs.ctypes.data, rows, out.ctypes.data, stall, seed, packet),
            *(ctypes.byref(cycles), ctypes.byref(first), ctypes.byref(wrong)),
        )
        if done != rows:
            raise SimulationError(f"the circuit stopped after {done} of {rows} rows")
        return Run(out.astype(np.int32), cycles.value, first.value, wrong.value)


def _built(design: Design) -> Path:
    return _kept(
        "".join((design.encoder, design.stream, _HARNESS.read_text())), ".so", lambda work: _build(design, work)
    )


def _kept(what: str, kind: str, make: Callable[[Path], Path]) -> Path:
    return kept(what + call(["verilator", "--version"]), kind, make)


def _include() -> Path:
    return Path(call(["verilator", "--getenv", "VERILATOR_ROOT"]).strip()) / "include"


def _runtime(source: str) -> Path:
    """Return a part of Verilator's run-time library, compiled once: it takes longer than most circuits."""

    def make(work: Path) -> Path:
        call(
            [
                *_COMPILE,
                f"-I{_include()}",
                f"-I{_include() / 'vltstd'}",
                "-c",
                str(_include() / source),
                "-o",
                str(work / "o"),
            ]
        )
        return work / "o"

    return _kept(source, ".o", make)


def _build(design: Design, work: Path) -> Path:
    design.write(work)
    sources = [str(work / "encoder_stream.v"), str(work / "encoder.v")]
    made = work / "made"
    # widths are as computed: what a value can be is known better here than to the checker
    quiet = ["-Wno-WIDTH", "-Wno-fatal", "-Wno-UNUSED"]
    call(["verilator", "--cc", "--top-module", "encoder_stream", "-O3", *quiet, "--Mdir", str(made), *sources])
    runtime = [_runtime(name) for name in ("verilated.cpp", "verilated_threads.cpp") if (_include() / name).exists()]
    numbers = {"INPUTS": len(design.spec.inputs), "LATENTS": len(design.spec.latents), "LANES": design.lanes}
    call(
        [
            *(*_COMPILE, "-shared", f"-I{made}", f"-I{_include()}", f"-I{_include() / 'vltstd'}"),
            *(f"-D{name}={value}" for name, value in numbers.items()),
            *(str(path) for path in [_HARNESS, *sorted(made.glob("*.cpp")), *runtime]),
            *("-o", str(work / "circuit.so")),
        ]
    )
    return work / "circuit.so"
