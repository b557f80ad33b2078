"""The encoder on a board, by pynq."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..model import Model
from . import pynq_driver as driver
from .backend import EncoderBackend
from .pynq_overlay import Overlay
from .pynq_worker import GRACE, INSTALL, PYTHON, worker
from .spec import EncoderSpec

BITSTREAM, DOWNLOAD, SECONDS = (f"BALER_PYNQ_{n}" for n in ("BITSTREAM", "DOWNLOAD", "SECONDS"))
_START = 120.0  # seconds to import pynq and load a bitstream


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
        asked = {
            "bitstream": str(overlay.bitstream),
            "inputs": len(spec.inputs),
            "latents": len(spec.latents),
            "lanes": overlay.lanes,
            "download": board.download,
            "seconds": board.seconds,
        }
        self._worker = worker(board.python or sys.executable, json.dumps(asked), _START)
        self._seconds = board.seconds + GRACE

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this backend cannot run here; None if it can be tried."""
        if os.name != "posix":
            return "pynq runs on Linux alone"
        python = os.environ.get(PYTHON)
        if python and not Path(python).is_file():
            return f"{PYTHON}={python} is no file: it is to be the Python of an environment with pynq"
        if not python and importlib.util.find_spec("pynq") is None:
            return f"pynq is not installed: {INSTALL}"
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
