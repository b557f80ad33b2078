"""`python -m pytest` puts the checkout in front of the installed package, which alone has the native library."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[1])

# The installed package is what is tested; the checkout behind it serves `benchmarks`, and those who installed nothing.
sys.path[:] = [*(p for p in sys.path if p not in ("", ROOT)), ROOT]
