"""Benchmarks of baler-codec beside its peers, at the same checked error bound: `python -m benchmarks`."""

import sys
from pathlib import Path

# `python -m` puts the checkout in front of the installed package, which alone has the native library.
_ROOT = str(Path(__file__).parents[1])
sys.path[:] = [*(p for p in sys.path if p not in ("", _ROOT)), _ROOT]
