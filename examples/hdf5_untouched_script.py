"""Give a script that knows only h5py a file that is eight times smaller: examples/analysis.py, untouched.

    python examples/hdf5_untouched_script.py

The same script reads a plain file and a compressed one; it runs in processes that find the filter by HDF5_PLUGIN_PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import h5py
import numpy as np

import baler_codec as baler

SCRIPT = Path(__file__).with_name("analysis.py")


def main() -> None:
    """Write both files and run the script on each."""
    with (files("baler_codec") / "data" / "cms_jets_20k.npz").open("rb") as file, np.load(file) as sample:
        jets, names = sample["data"], [str(name) for name in sample["names"]]
    model = baler.load("cms_jets").with_bound({"pt": "pw_rel=1e-4", "eta": "abs=1e-4", "mass": "pw_rel=1e-3"})
    environment = os.environ | {"HDF5_PLUGIN_PATH": baler.hdf5.PLUGIN_PATH}
    with tempfile.TemporaryDirectory() as folder:
        for name, compression in (("plain.h5", {}), ("small.h5", baler.hdf5.Baler(model))):
            path = Path(folder) / name
            with h5py.File(path, "w") as file:
                file.create_dataset("jets", data=jets, **compression).attrs["columns"] = names
            print(f"\n{name}: {path.stat().st_size} bytes", flush=True)
            subprocess.run([sys.executable, str(SCRIPT), str(path)], env=environment, check=True)


if __name__ == "__main__":
    main()
