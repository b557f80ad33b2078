"""`python -m pytest` puts the checkout in front of the installed package, which alone has the native library."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[1])

# The installed package is what is tested; the checkout behind it serves `benchmarks`, and those who installed nothing.
sys.path[:] = [*(p for p in sys.path if p not in ("", ROOT)), ROOT]
found = importlib.util.find_spec("baler_codec")
if found is not None and not str(found.origin).startswith(ROOT + os.sep + "baler_codec"):
    os.environ["PYTHONSAFEPATH"] = "1"  # the same for `python -c` in the tests' child processes
