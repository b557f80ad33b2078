"""Educational decoder: numpy alone, written from docs/format.md, laid out in its order. Clear over fast.

Not shipped. It exists so that the specification is read twice: where this and the native library disagree, the text
decides.

Sections of the text: frame (1), lattice and octave (2), exceptions (3), entropy (4), side, plan and builtin (5),
lz (6), model_file, network, tables, cells, features, hints (7, 7.1 … 7.5), conditional (8), latent (9), records (13),
grid and what belongs to it (12: scans 12.1, classes 12.2, units 12.3, predict 12.4 and 12.5, tables 12.6).
"""

from .frame import Frame, decode, read_frame
from .model_file import Model, read_model
from .reader import CorruptDataError, ModelInvalidError, ModelNotFoundError, UnsupportedVersionError

__all__ = [
    "CorruptDataError",
    "Frame",
    "Model",
    "ModelInvalidError",
    "ModelNotFoundError",
    "UnsupportedVersionError",
    "decode",
    "read_frame",
    "read_model",
]
