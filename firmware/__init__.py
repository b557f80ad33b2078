"""The FPGA encoder: an `EncoderSpec` as a circuit, and the circuit in simulation. docs/fpga.md is the overview."""

import sys
from pathlib import Path

# `python -m` puts the checkout in front of the installed package, which alone has the native library.
_ROOT = str(Path(__file__).parents[1])
sys.path[:] = [*(p for p in sys.path if p not in ("", _ROOT)), _ROOT]
