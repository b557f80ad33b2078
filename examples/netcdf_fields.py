"""Write a netCDF file with netCDF4-python, and read it elsewhere with netCDF4, xarray or ncdump alone.

pip install netCDF4 && python examples/netcdf_fields.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import netCDF4
import numpy as np

import baler_codec as baler

READ = """
import sys, netCDF4
with netCDF4.Dataset(sys.argv[1]) as file:
    t = file["temperature"]
    print("read with netCDF4 alone:", t.dimensions, t.shape, t.units, "first day", t[0].mean())
"""


def temperatures(days: int) -> np.ndarray:
    """Return smooth fields that drift from day to day, in kelvin, with land that has no value."""
    day, y, x = np.ogrid[:days, :180, :360]
    field = 288 - 30 * np.abs(y - 90) / 90 + 4 * np.sin(x / 20 + day / 3) * np.cos(y / 15) + np.sin(x / 3 + y / 4 + day)
    return np.ma.masked_where(np.broadcast_to((x // 40 + y // 30) % 5 == 0, field.shape), field).astype("f4")


def main() -> None:
    """Write two days at first, the others later; every value is within 0.01 K."""
    field = temperatures(20)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.nc"
        with netCDF4.Dataset(path, "w") as file:
            for name, size in (("day", None), ("lat", 180), ("lon", 360)):
                file.createDimension(name, size)
            shape = ("day", "lat", "lon")
            variable = file.createVariable("temperature", "f4", shape, fill_value=1e20, chunksizes=(4, 180, 360))
            baler.hdf5.define_filter(variable, baler.hdf5.Baler(bound="abs=0.01"))
            variable.units = "K"
            variable[:2] = field[:2]
        with netCDF4.Dataset(path, "a") as file:
            file["temperature"][2:] = field[2:]
        with netCDF4.Dataset(path) as file:
            found = file["temperature"][:]
        assert (found.mask == field.mask).all(), "what had no value has none"
        error = np.abs(found.astype("f8") - field).max()
        print(f"{field.nbytes} -> {path.stat().st_size} bytes, largest error {error:.4f} K", flush=True)
        environment = os.environ | {"HDF5_PLUGIN_PATH": baler.hdf5.PLUGIN_PATH}
        subprocess.run([sys.executable, "-c", READ, str(path)], env=environment, check=True)


if __name__ == "__main__":
    main()
