"""Which encoder computes the latents of a dataset's chunks; HDF5's filter is native code and can call none."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from ..errors import BalerError, ConfigError
from ._embedding import filter_settings

if TYPE_CHECKING:
    from ..encoders import LatentEncoder

_WHY = "HDF5's filter is native code, which cannot call another encoder"


def encoder_for(dataset: Any, name: str | None) -> LatentEncoder | None:
    """Return what computes latents for chunks that are coded beside HDF5; None: the native library."""
    if name is None and not os.environ.get("BALER_ENCODER"):
        return None
    from ..encoders import choose

    try:
        model = filter_settings(dataset).model
    except BalerError:
        if name is not None:
            raise
        return None  # a model that is nowhere: the filter's own way of coding says so
    return choose.latent_encoder(model, name)


def refuse_or_tell(dataset: Any, name: str | None) -> None:
    """Refuse an encoder asked for by name, and tell that the environment's is not used, where h5py writes."""
    if name is not None:
        raise ConfigError(
            f"encoder={name!r}: {dataset.name} or this selection of it can only be written by HDF5 itself "
            f"(several filters, another type, steps or lists in the selection), and {_WHY}"
        )
    tell_of_environment(dataset)


def tell_of_environment(dataset: Any) -> None:
    """Warn that what h5py writes into this dataset is not encoded by ``BALER_ENCODER``."""
    name = os.environ.get("BALER_ENCODER")
    if not name or dataset.chunks is None or (written := filter_settings(dataset)) is None:
        return
    try:
        model = written.model
    except BalerError:
        return
    if model is None or not model.latents or model.patch:
        return
    from ..encoders import EncoderFallbackWarning

    text = f"BALER_ENCODER={name}: {dataset.name} is written by HDF5 itself, and {_WHY}; the native encoder is used "
    warnings.warn(EncoderFallbackWarning(text + "instead: baler_codec.hdf5.write calls the other one"), stacklevel=4)
