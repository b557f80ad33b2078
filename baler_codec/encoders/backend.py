"""What a backend is: something that computes the latents of an `EncoderSpec`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..model import Model
from .spec import EncoderSpec


class EncoderBackend(ABC):
    """One way to run an encoder.

    Parameters
    ----------
    spec : EncoderSpec
        What is to be computed.
    model : Model
        The model that it comes from.
    """

    name: ClassVar[str]

    def __init__(self, spec: EncoderSpec, model: Model) -> None:
        self.spec, self.model = spec, model

    @classmethod
    def unavailable(cls) -> str | None:
        """Say why this backend cannot run here; None if it can."""
        return None

    @abstractmethod
    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents: (rows, inputs) → (rows, latents). Inputs lie in the ranges of the specification."""


class Reference(EncoderBackend):
    """Plain integers of numpy: slow, and what all others are compared with."""

    name = "reference"

    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents."""
        return self.spec.run(inputs)


class Native(EncoderBackend):
    """The native library."""

    name = "native"

    def encode(self, inputs: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Compute latents."""
        return self.model.native().run_encoder(inputs)
