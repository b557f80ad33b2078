"""Somebody's analysis script: it reads jets from an HDF5 file and has never heard of compression.

python examples/analysis.py jets.h5
"""

import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as file:
    jets = file["jets"]
    columns = list(jets.attrs["columns"])
    pt, eta, mass = (jets[:, columns.index(name)] for name in ("pt", "eta", "mass"))

central = (np.abs(eta) < 2.5) & (pt > 20)
counts, edges = np.histogram(mass[central], bins=6, range=(0, 30))
print(f"{len(pt)} jets, {central.sum()} central ones above 20 GeV, mean pT {pt[central].mean():.2f} GeV")
for count, low in zip(counts, edges, strict=False):
    print(f"mass from {low:4.0f} GeV: {count:6}  {'#' * int(60 * count / counts.max())}")
