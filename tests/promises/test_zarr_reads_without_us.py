"""Whoever reads a Zarr array need not know that baler exists: a fresh process, no import of ours, every layout."""

import importlib.metadata
import subprocess
import sys

import numpy as np
import pytest

zarr = pytest.importorskip("zarr", minversion="3.0")

import baler_codec as baler  # noqa: E402
from baler_codec.zarr import BalerCodec, create  # noqa: E402

BOUND = 0.01
RNG = np.random.default_rng(11)
TABLE = RNG.normal(0, 10, (3000, 4)).astype("f4")

READER = """
import sys, zarr, numpy as np
assert not any(m.startswith("baler") for m in sys.modules)
root = zarr.open_group(sys.argv[1], mode="r")
np.savez(sys.argv[2], **{name: array[...] for name, array in root.arrays()})
print(*sorted({m.split(".")[0] for m in sys.modules}))
"""


def entry_points():
    return {e.group for e in importlib.metadata.entry_points(name="baler")}


@pytest.mark.skipif(
    not {"numcodecs.codecs", "zarr.codecs"} <= entry_points(), reason="entry points need baler-codec to be installed"
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_fresh_process_reads_every_layout(tmp_path, zarr_format):
    group = zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=zarr_format)
    bound = f"abs={BOUND}"
    written = {}

    def add(name, x, codec=None, **options):
        codec = codec or baler.Baler(bound=bound)
        how = {"compressors": codec} if zarr_format == 2 else {"serializer": BalerCodec(codec), "compressors": None}
        z = group.create_array(name, shape=x.shape, dtype=x.dtype, **(how | options))
        z[...] = x
        written[name] = x

    add("plain", TABLE, chunks=(1000, 4))
    add("columns", TABLE, baler.Baler(bound=[bound, "exact", bound, "pw_rel=1e-4"]), chunks=(1024, 4))
    add("write_once", TABLE, baler.Baler(bound=bound, stable=False), chunks=(1000, 4))
    add("big_endian", TABLE.astype(">f8"), chunks=(1000, 4))
    add("grid", RNG.normal(size=(7, 9, 11)), chunks=(4, 4, 4))
    add("scalar", np.float64(4.5), chunks=())
    add("empty", np.zeros((0, 3), "f4"), chunks=(10, 3))
    add("integers", np.arange(1000, dtype="i8"), chunks=(300,))
    add("lossless", TABLE, baler.Baler(), chunks=(1000, 4))
    add("partly_written", np.zeros((100, 2), "f4"), chunks=(50, 2), fill_value=np.nan)
    if zarr_format == 2:
        add("fortran", TABLE, chunks=(1000, 4), order="F")
    else:
        add("sharded", TABLE, chunks=(500, 4), shards=(1000, 4))
        add("zstd_behind", TABLE, chunks=(1000, 4), compressors="auto")
    create(tmp_path / "g.zarr", TABLE, bound=bound, name="helper", zarr_format=zarr_format)
    written["helper"] = TABLE

    result = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path / "g.zarr"), str(tmp_path / "out.npz")],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    loaded = result.stdout.split()
    assert "baler_codec" in loaded and "torch" not in loaded and "h5py" not in loaded
    with np.load(tmp_path / "out.npz") as got:
        assert set(got.files) == set(written)
        for name, x in written.items():
            y = got[name]
            assert y.shape == x.shape, name
            limit = 0 if name in ("lossless", "integers") else BOUND
            assert np.all(np.abs(y.astype("f8") - x.astype("f8")) <= limit), name
        assert np.array_equal(got["columns"][:, 1], TABLE[:, 1])
