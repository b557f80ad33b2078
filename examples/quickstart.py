"""Compress 20,000 simulated jets into Zarr (formats 2 and 3) and HDF5, and read them elsewhere without our API.

    python examples/quickstart.py

Each file is read back by another Python process that imports nothing but zarr or h5py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import h5py
import numpy as np
import zarr

import baler_codec as baler
from baler_codec.zarr import BalerCodec

READ_ZARR = "import sys, numpy, zarr; numpy.save(sys.argv[2], zarr.open(sys.argv[1], mode='r')[...])"
READ_HDF5 = "import sys, numpy, h5py; numpy.save(sys.argv[2], h5py.File(sys.argv[1])['jets'][...])"


def jets() -> tuple[np.ndarray, list[str]]:
    """Return the sample: 24 columns of particle-flow jets, float32."""
    with (files("baler_codec") / "data" / "cms_jets_20k.npz").open("rb") as file, np.load(file) as sample:
        return np.ascontiguousarray(sample["data"]), [str(name) for name in sample["names"]]


def precision(name: str) -> str:
    """Say what each column is worth: counts exactly, angles and areas to 1e-3, momenta and energies to 0.1 %."""
    if name.endswith("Multiplicity"):
        return "exact"
    return "abs=1e-3" if name in ("eta", "phi", "mJetArea") else "pw_rel=1e-3"


def choose_model(names: list[str]) -> baler.Model:
    """Return the shipped model; where there is none, a model that holds the bounds alone (built-in coding)."""
    bounds = [precision(name) for name in names]
    try:
        return baler.load("cms_jets").with_bound(dict(zip(names, bounds, strict=True)))
    except baler.errors.ModelNotFoundError:
        return baler.Model.bounds_only(bounds, names)


def write(table: np.ndarray, model: baler.Model, folder: Path) -> dict[str, Path]:
    """Write the table three times: an ordinary array of zarr or h5py each."""
    v2, v3, hdf5 = folder / "jets.v2.zarr", folder / "jets.v3.zarr", folder / "jets.h5"
    shape, chunks = table.shape, (min(65536, len(table)), table.shape[1])
    zarr.create_array(
        str(v2), shape=shape, chunks=chunks, dtype="f4", zarr_format=2, compressors=baler.Baler(model), fill_value=0
    )[:] = table
    zarr.create_array(str(v3), shape=shape, chunks=chunks, dtype="f4", serializer=BalerCodec(model), compressors=None)[
        :
    ] = table
    with h5py.File(hdf5, "w") as file:
        file.create_dataset("jets", data=table, chunks=chunks, **baler.hdf5.Baler(model))
    return {"Zarr v2": v2, "Zarr v3": v3, "HDF5": hdf5}


def read_elsewhere(path: Path, folder: Path) -> np.ndarray:
    """Read a file in a process that knows zarr or h5py only; HDF5 is told where filters lie, nothing else."""
    out = folder / "read.npy"
    environment = {**os.environ, "HDF5_PLUGIN_PATH": baler.hdf5.PLUGIN_PATH}
    program = READ_HDF5 if path.suffix == ".h5" else READ_ZARR
    # (in another directory: a checkout there would stand in front of the installed package)
    subprocess.run([sys.executable, "-c", program, str(path), str(out)], check=True, env=environment, cwd=folder)
    return np.load(out)


def size(path: Path) -> int:
    """Return the bytes on disk, metadata and model included."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size


def speed(table: np.ndarray, model: baler.Model) -> tuple[float, float]:
    """Return MB/s of encoding and decoding the table on one core."""
    codec = baler.Baler(model)
    table = np.concatenate([table] * 3)[:65536]  # a chunk of the usual size
    best = [float("inf"), float("inf")]
    for _ in range(3):
        start = time.perf_counter()
        frame = codec.encode(table)
        middle = time.perf_counter()
        codec.decode(frame)
        best = [min(best[0], middle - start), min(best[1], time.perf_counter() - middle)]
    return table.nbytes / best[0] / 1e6, table.nbytes / best[1] / 1e6


def main() -> None:
    """Write, read elsewhere, check, tell."""
    table, names = jets()
    model = choose_model(names)
    kind = f"trained model of {len(model)} bytes" if model.trained else "no trained model: built-in coding"
    print(f"{len(table)} jets x {len(names)} columns, {table.nbytes} bytes of float32; {kind}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for container, path in write(table, model, folder).items():
            decoded = read_elsewhere(path, folder)
            outside = sum(int((~bound.check(table[:, j], decoded[:, j])).sum()) for j, bound in enumerate(model.bounds))
            if outside:
                raise SystemExit(f"{container}: {outside} values are outside their bound")
            stored = size(path)
            print(
                f"{container:8} {stored:7} bytes with everything, ratio {table.nbytes / stored:5.2f}; every bound kept"
            )
    frame = len(baler.Baler(model).encode(table))
    print(f"the frame alone: {frame} bytes, ratio {table.nbytes / frame:.2f}")
    encode, decode = speed(table, model)
    print(f"speed, one core: encode {encode:.0f} MB/s, decode {decode:.0f} MB/s")


if __name__ == "__main__":
    main()
