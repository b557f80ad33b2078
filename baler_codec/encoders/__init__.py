"""Latent encoders: what computes the latents of a model with an autoencoder, here or on a board.

The decoder does not care who encoded (docs/format.md): a backend that computes its specification exactly gives the
frames that the native library gives, byte for byte.
"""

from .backend import EncoderBackend
from .choose import ENVIRONMENT, EncoderFallbackWarning, LatentEncoder, available, names
from .spec import EncoderSpec

__all__ = [
    "ENVIRONMENT",
    "EncoderBackend",
    "EncoderFallbackWarning",
    "EncoderSpec",
    "LatentEncoder",
    "available",
    "names",
]
