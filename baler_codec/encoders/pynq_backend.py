"""The encoder on a board, by pynq, in a process of its own: what hangs can be ended, and numpy there may be old."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import weakref
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..model import Model
from . import pynq_driver as driver
from .backend import EncoderBackend
from .pynq_overlay import Overlay
from .spec import EncoderSpec

BITSTREAM, PYTHON, DOWNLOAD, SECONDS = (f"BALER_PYNQ_{n}" for n in ("BITSTREAM", "PYTHON", "DOWNLOAD", "SECONDS"))
_START, _GRACE = 120.0, 10.0  # seconds: to import pynq and load a bitstream; beyond the driver's own limit
_INSTALL = f"python3 -m venv DIR && DIR/bin/pip install 'pynq==4.0.0' 'numpy<2', then {PYTHON}=DIR/bin/python"


@dataclass(frozen=True)
class Board:
    """Where the circuit is. pynq's own ``PYNQ_REMOTE_DEVICES`` is the address of a board that is not this machine.

    Parameters
    ----------
    bitstream : str
        The overlay's .bit file; .hwh and .json of the same name lie beside it.
    python : str, optional
        The Python that has pynq; this one by default.
    download : bool
        Whether the bitstream is loaded onto the board; if not, it has to be there already.
    seconds : float
        How long the board may take for 65,536 rows.
    """

    bitstream: str
    python: str = ""
    download: bool = True
    seconds: float = 10.0

    @classmethod
    def from_environment(cls) -> Board:
        """Take ``BALER_PYNQ_BITSTREAM``, ``_PYTHON``, ``_DOWNLOAD`` (1 or 0) and ``_SECONDS``."""
        get = os.environ.get
        try:
            seconds = float(get(SECONDS) or cls.seconds)
        except ValueError:
            raise ConfigError(f"{SECONDS}={get(SECONDS)!r} is not a number of seconds") from None
        return cls(get(BITSTREAM, ""), get(PYTHON, ""), get(DOWNLOAD, "1") != "0", seconds)


class Pynq(EncoderBackend):
    """Rows go to a board, or to an emulated one. One process at a time may use a board.

    Parameters
    ----------
    spec : EncoderSpec
        What the board's circuit has to be.
    model : Model
        The model that it comes from.
    board : Board, optional
        By default what the environment names.
    """

    name = "pynq"

    def __init__(self, spec: EncoderSpec, model: Model, board: Board | None = None) -> None:
        super().__init__(spec, model)
        board = board or Board.from_environment()
        overlay = Overlay.of(Path(board.bitstream).absolute())
        if overlay.encoder != spec.id:
            raise driver.WrongBitstreamError(
                f"{overlay.bitstream} holds the encoder {overlay.encoder}, the model's is {spec.id}"
            )
        self._worker = _Worker(board.python or sys.executable)
        asked = {
            "bitstream": str(overlay.bitstream),
            "inputs": len(spec.inputs),
            "latents": len(spec.latents),
            "lanes": overlay.lanes,
            "download": board.download,
            "seconds": board.seconds,
        }
        self._worker.ask(json.dumps(asked).encode(), 0, _START)
        self._seconds = board.seconds + _GRACE

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this backend cannot run here; None if it can be tried."""
        if os.name != "posix":
            return "pynq runs on Linux alone"
        python = os.environ.get(PYTHON)
        if python and not Path(python).is_file():
            return f"{PYTHON}={python} is no file: it is to be the Python of an environment with pynq"
        if not python and importlib.util.find_spec("pynq") is None:
            return f"pynq is not installed: {_INSTALL}"
        if not os.environ.get(BITSTREAM):
            return f"{BITSTREAM} does not name a bitstream"
        return None

    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents."""
        out = np.empty((len(inputs), len(self.spec.latents)), np.int32)
        for start in range(0, len(inputs), driver.MOST_ROWS):
            part = np.ascontiguousarray(inputs[start : start + driver.MOST_ROWS], "<i2")
            given = self._worker.ask(part.tobytes(), 2 * len(part) * out.shape[1], self._seconds)
            out[start : start + len(part)] = np.frombuffer(given, "<i2").reshape(len(part), -1)
        return out


class _Worker:
    """The process that runs `pynq_driver`."""

    def __init__(self, python: str) -> None:
        self._pid, self._python, self._answered = os.getpid(), python, False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
        self._pipe, theirs = multiprocessing.Pipe()
        with theirs:
            # -I: the paths of this Python's packages are nothing for that one
            command = [python, "-I", driver.__file__, str(theirs.fileno())]
            log = self._log
            try:
                self._process = subprocess.Popen(
                    command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            except OSError as error:
                raise driver.PynqMissingError(f"{python} does not start ({error}); {_INSTALL}") from error
        self._end = weakref.finalize(self, _end, self._pid, self._pipe, self._process, self._log)

    def ask(self, message: bytes, size: int, seconds: float) -> bytes:
        """Send a message and return its answer, of so many bytes; after an error the process is ended."""
        if os.getpid() != self._pid:
            raise driver.BoardError(f"the board belongs to process {self._pid}, which opened it before this one forked")
        try:
            self._pipe.send_bytes(message)
            if not self._pipe.poll(seconds):
                raise driver.ConnectionLostError(f"the process that drives the board did not answer in {seconds:g} s")
            answer = self._pipe.recv_bytes(max(1 + size, driver.MOST_TEXT))
            if answer[:1] != b"\1":
                raise _error(answer[1:])
            if len(answer) != 1 + size:
                raise driver.ConnectionLostError(f"{len(answer) - 1} bytes of latents came back, not {size}")
        except (EOFError, BrokenPipeError, ConnectionResetError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
            text = f"the process that drives the board ended ({self._python}): {self._last_words()}"
            self._end()
            if self._answered:
                raise driver.ConnectionLostError(text) from None
            raise driver.PynqMissingError(f"{text}; {_INSTALL}") from None
        except BaseException:  # an interrupt too: what is on its way would be taken for the answer to the next question
            self._end()
            raise
        self._answered = True
        return answer[1:]

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _error(told: bytes) -> driver.BoardError:
    name, text = json.loads(told)
    kind = {kind.__name__: kind for kind in driver.BoardError.__subclasses__()}.get(name, driver.BoardError)
    return kind(f"{text}; {_INSTALL}" if kind is driver.PynqMissingError else text)


def _end(pid: int, pipe: Connection, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    pipe.close()
    log.close()
    if os.getpid() != pid:
        return
    try:
        process.wait(0.5)  # it ends by itself when the pipe does
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
