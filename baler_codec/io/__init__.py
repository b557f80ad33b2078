"""Data in and out: npy, npz, ROOT, HDF5 and Zarr as one kind of `Source`, and arrays back into files.

Nothing here is imported by the reading path, and each format's package is imported only when such a file is met.
"""

from .save import write
from .source import Source, open_source, split_address

__all__ = ["Source", "open_source", "split_address", "write"]
