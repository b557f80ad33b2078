#!/usr/bin/env python3
"""Make the sample that ships with the package, baler_codec/data/cms_jets_20k.npz, from a table of simulated jets.

    scripts/make_jets.py jets --events 400          (or any larger table of the same 24 columns)
    scripts/make_sample.py jets_f32.npy

The sample is the first 20,000 rows in float32 and the column names, columns stored one after the other (zlib).
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

ROWS = 20_000
DEFAULT = Path(__file__).resolve().parents[1] / "baler_codec" / "data" / "cms_jets_20k.npz"


def main() -> None:
    """Write the sample."""
    from make_jets import COLUMNS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="float32 table (rows, 24) as .npy")
    parser.add_argument("out", type=Path, nargs="?", default=DEFAULT)
    options = parser.parse_args()
    table = np.load(options.table, mmap_mode="r")
    if table.ndim != 2 or table.shape[1] != len(COLUMNS) or len(table) < ROWS or table.dtype != np.float32:
        raise SystemExit(
            f"{options.table}: want at least ({ROWS}, {len(COLUMNS)}) float32, got {table.shape} {table.dtype}"
        )
    # Fortran order compresses a third better, and np.load gives the same array.
    arrays = {"data": np.asfortranarray(table[:ROWS]), "names": np.array(COLUMNS)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            # a fixed date: the same table gives the same file
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED
            )
    print(options.out, options.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
