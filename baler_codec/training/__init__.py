"""Training of models: the only part of the package that needs torch (``pip install baler-codec[train]``)."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("training needs torch: pip install 'baler-codec[train]'") from error

from .fpga import FpgaEncoder
from .trainer import train

__all__ = ["FpgaEncoder", "train"]
