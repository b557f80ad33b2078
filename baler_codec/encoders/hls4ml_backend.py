"""The encoder as hls4ml makes it, in C simulation: what a vendor's HLS tool would be given."""

from __future__ import annotations

import importlib.util
import shutil
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..model import Model
from .backend import EncoderBackend
from .hls4ml_graph import DISTRIBUTED, LATENCY, HlsOptions
from .hls4ml_simulation import HlsSimulation
from .spec import EncoderSpec


class Hls4ml(EncoderBackend):
    """The project of the strategy Latency, compiled by g++. For checks: a CPU's kernel is far faster."""

    name = "hls4ml"
    strategy: ClassVar[str] = LATENCY
    packages: ClassVar[tuple[str, ...]] = ("hls4ml",)

    def __init__(self, spec: EncoderSpec, model: Model) -> None:
        super().__init__(spec, model)
        self._simulation = HlsSimulation(spec, HlsOptions(strategy=self.strategy))

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this backend cannot run here; None if it can."""
        for package in cls.packages:
            if importlib.util.find_spec(package) is None:
                return f"{package} is not installed: pip install 'baler-codec[fpga]'"
        return None if shutil.which("g++") else "g++ not found: install it (apt-get install g++)"

    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents."""
        return self._simulation.run(inputs)


class Hls4mlDistributed(Hls4ml):
    """The same with distributed arithmetic: da4ml makes trees of adders of the weights."""

    name = "hls4ml-da"
    strategy = DISTRIBUTED
    packages = ("hls4ml", "da4ml")
