"""``python -m benchmarks.hdf5``: what the HDF5 filter costs beside coding: a call per chunk, and finding a model."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

import baler_codec as baler
from baler_codec import hdf5, native

CHUNKS = 4000
COLD = """
import sys, time, h5py, numpy as np
from baler_codec import native
with h5py.File(sys.argv[1]) as file:
    dataset = file["x"]
    words = native.as_words(dataset.id.get_create_plist().get_filter(0)[2])
    frame = dataset.id.read_direct_chunk((0, 0))[1]
    out = np.empty(dataset.shape, dataset.dtype)
    for _ in range(3):
        begin = time.perf_counter()
        native.decode_chunk(words, frame, out)
        print(time.perf_counter() - begin)
"""


def per_chunk(path: Path, data: np.ndarray, **keywords: object) -> float:
    """Microseconds a chunk of 256 bytes, the best of several readings of all."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=data, chunks=(8, 8), **keywords)
    best = np.inf
    out = np.empty_like(data)
    for _ in range(15):
        with h5py.File(path, rdcc_nbytes=0) as file:
            dataset = file["x"]
            dataset[:8]  # the filter is loaded, and the model found
            begin = time.process_time()
            dataset.read_direct(out)
            best = min(best, time.process_time() - begin)
    return best / CHUNKS * 1e6


def opening(model: baler.Model) -> float:
    """Microseconds to parse, prove and hash a model: what a first look-up does when the bytes are there."""
    best = np.inf
    for _ in range(15):
        begin = time.perf_counter()
        native.NativeModel(bytes(model))
        best = min(best, time.perf_counter() - begin)
    return best * 1e6


def main() -> None:
    """Print both."""
    random = np.random.default_rng(0)
    noise = np.tile(np.frombuffer(random.bytes(256), "f4").reshape(8, 8), (CHUNKS, 1))  # is stored as it is
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.h5"
        ways = {"no filter": {}, "fletcher32": {"fletcher32": True}, "baler, stored chunks": dict(hdf5.Baler())}
        for name, keywords in ways.items():
            print(f"{name:24} {per_chunk(path, noise, **keywords):6.2f} us a chunk of 256 bytes")
        for name in ("cms_jets", "cms_jets_ae"):
            model = baler.load(name)
            with h5py.File(path, "w") as file:
                table = random.normal(size=(64, model.n_columns)).astype("f4")
                file.create_dataset("x", data=table, chunks=table.shape, **hdf5.Baler(model))
            done = subprocess.run([sys.executable, "-c", COLD, str(path)], capture_output=True, text=True, check=True)
            first, *_, warm = (float(line) * 1e6 for line in done.stdout.split())
            print(
                f"{name:12} {len(model):6} bytes: {opening(model):6.0f} us to open, "
                f"first chunk of a process {first:6.0f} us, later ones {warm:4.0f} us"
            )


if __name__ == "__main__":
    main()
