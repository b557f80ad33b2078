"""Which backend computes latents: chosen by name, tried before it is used, replaced by the native one when it fails."""

from __future__ import annotations

import os
import threading
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..model import Model
from . import plugins
from .backend import EncoderBackend, Native, Reference
from .hls4ml_backend import Hls4ml, Hls4mlDistributed
from .pynq_backend import Pynq
from .rtl import Rtl
from .spec import EncoderSpec
from .torch_backend import Torch

ENVIRONMENT = "BALER_ENCODER"
_BACKENDS: dict[str, type[EncoderBackend]] = {
    b.name: b for b in (Native, Reference, Torch, Hls4ml, Hls4mlDistributed, Rtl, Pynq)
}


class EncoderFallbackWarning(RuntimeWarning):
    """A chosen encoder cannot be used; the native one encodes instead, and the frames are the same."""


def names() -> tuple[str, ...]:
    """Names of all backends: those of this package, then those that other packages bring under names of their own."""
    return (*_BACKENDS, *(name for name in plugins.names() if name not in _BACKENDS))


def available() -> dict[str, str | None]:
    """Say for every backend why it cannot run here; None where it can."""
    return {name: _unavailable(name) for name in names()}


def latent_encoder(model: Model | None, name: str | None) -> LatentEncoder | None:
    """Return the encoder of this name, without one that of ``BALER_ENCODER``; None: the native library encodes."""
    if name is None:
        return from_environment(model)
    if model is None:
        raise ConfigError(f"encoder={name!r} needs a trained model with latents")
    return encoder_of(model, name)


def _kind(name: str) -> type[EncoderBackend]:
    return _BACKENDS[name] if name in _BACKENDS else plugins.load(name)


def _unavailable(name: str) -> str | None:
    try:
        return _kind(name).unavailable()
    except Exception as error:  # another package's code
        return f"does not load ({type(error).__name__}: {error})"


class LatentEncoder:
    """A model's encoder on a chosen backend.

    Parameters
    ----------
    model : Model
        A model of tables with an autoencoder.
    name : str
        One of `names`.

    Raises
    ------
    ConfigError
        If there is no backend of this name, or no encoder in the model.

    Warns
    -----
    EncoderFallbackWarning
        If the backend cannot run here, or gives other latents than the specification for its golden rows.
    """

    def __init__(self, model: Model, name: str) -> None:
        if name not in names():
            raise ConfigError(f"no encoder is called {name!r}: there are {', '.join(names())}")
        self.name = name
        self._model, self._lock = model, threading.Lock()
        self._spec = EncoderSpec.of(model)
        self._backend: EncoderBackend | None = self._start() if name != Native.name else None

    def latents(self, table: npt.NDArray[Any]) -> npt.NDArray[np.int32] | None:
        """Return the latents of a table as it is about to be encoded; None if the native library is to compute them."""
        if self._backend is None or table.size == 0:
            return None
        inputs = self._model.native().encoder_inputs(table, len(self._spec.inputs))
        with self._lock:
            try:
                return self._backend.encode(inputs)
            except Exception as error:  # whatever a board or its driver raises: a chunk is written in any case
                self._fall_back(f"failed on a chunk ({type(error).__name__}: {error})")
                self._backend = None
                return None

    def _start(self) -> EncoderBackend | None:
        reason = _unavailable(self.name)
        if reason is not None:
            self._fall_back(f"cannot run here: {reason}")
            return None
        golden = self._spec.golden_inputs()
        try:
            backend = _kind(self.name)(self._spec, self._model)
            given = np.asarray(backend.encode(golden))
        except Exception as error:
            self._fall_back(f"does not start ({type(error).__name__}: {error})")
            return None
        wanted = self._spec.run(golden)
        if given.shape != wanted.shape or not np.array_equal(given, wanted):
            self._fall_back(f"computes other latents than the specification {self._spec.id}: it is wrong")
            return None
        return backend

    def _fall_back(self, why: str) -> None:
        text = f"the encoder {self.name!r} {why}; the native encoder is used instead"
        warnings.warn(EncoderFallbackWarning(text), stacklevel=4)


@lru_cache(maxsize=16)
def encoder_of(model: Model, name: str) -> LatentEncoder:
    """Return the model's encoder on this backend, started once in a process."""
    return LatentEncoder(model, name)


def from_environment(model: Model | None) -> LatentEncoder | None:
    """Return the encoder that ``BALER_ENCODER`` names, None without one or without anything for it to encode."""
    name = os.environ.get(ENVIRONMENT)
    if not name or model is None or not model.latents or model.patch:
        return None
    return encoder_of(model, name)
