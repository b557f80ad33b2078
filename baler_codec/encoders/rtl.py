"""The encoder as hardware, simulated: Verilog made from the specification, run by Verilator."""

from __future__ import annotations

import importlib.util
import shutil

import numpy as np
import numpy.typing as npt

from ..model import Model
from .backend import EncoderBackend
from .spec import EncoderSpec


class Rtl(EncoderBackend):
    """Rows go through the AXI-Stream ports of the simulated circuit. For checks: a CPU's kernel is far faster."""

    name = "rtl"

    def __init__(self, spec: EncoderSpec, model: Model) -> None:
        super().__init__(spec, model)
        from firmware.simulation import Simulation

        self._circuit = Simulation.of(spec)

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this backend cannot run here; None if it can."""
        if importlib.util.find_spec("firmware") is None:
            return "the folder firmware/ of the source tree is not on Python's path: run from a checkout"
        missing = [tool for tool in ("verilator", "g++") if shutil.which(tool) is None]
        return f"{' and '.join(missing)} not found: install them (apt-get install verilator g++)" if missing else None

    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents."""
        return self._circuit.run(inputs).latents
