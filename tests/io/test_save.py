"""What is written can be read by anybody, keeps names and units, and never lies half-written under its name."""

import json

import numpy as np
import pytest

from baler_codec.bound import ErrorBound
from baler_codec.errors import BalerError, ShapeError
from baler_codec.io import Source, open_source, write
from baler_codec.io.save import chunk_shape, settings_of

TABLE = np.random.default_rng(1).normal(10, 3, (500, 3)).astype("f4")
NAMES = ("pt", "eta", "n_hits")


def source() -> Source:
    return Source(TABLE, NAMES, {"pt": "GeV"})


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.h5", "x.zarr", "x.h5:/a/b", "x.zarr:/a/b"])
def test_plain_files_hold_the_same_values(tmp_path, name):
    write(tmp_path / name, source())
    with open_source(tmp_path / name) as back:
        assert back.dtype == TABLE.dtype and np.array_equal(back.load(), TABLE)
        assert back.columns == (() if name == "x.npy" else NAMES)
    assert [f.name for f in tmp_path.iterdir()] == [name.partition(":")[0]]


@pytest.mark.parametrize("name", ["x.h5", "x.zarr", "x.zarr:/a/b"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_compressed_files_keep_the_bound_names_and_units(tmp_path, name, zarr_format):
    bounds = {"pt": ErrorBound("pw_rel", 1e-2), "eta": ErrorBound("abs", 0.1), "n_hits": ErrorBound("exact")}
    settings = settings_of(None, bounds, True, source())
    write(tmp_path / name, source(), settings, chunk_rows=200, zarr_format=zarr_format)
    with open_source(tmp_path / name) as back:
        assert back.columns == NAMES and back.units == {"pt": "GeV"}
        for j, bound in enumerate(bounds.values()):
            assert bound.check(TABLE[:, j], back.load()[:, j]).all()
        assert not np.array_equal(back.load(), TABLE)
        story = json.loads(back.values.attrs["baler_compression"])
        assert story["bound"] == {name: str(bound) for name, bound in bounds.items()}


@pytest.mark.parametrize("name", ["x.npy", "x.h5", "x.zarr"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5, 0), (3, 4, 5)])
def test_any_shape_can_be_written(tmp_path, name, shape):
    values = np.ones(shape)
    write(tmp_path / name, Source(values), None if name == "x.npy" else settings_of(None, None, True, Source(values)))
    with open_source(tmp_path / name) as back:
        assert np.array_equal(back.load(), values) and back.shape == shape


class Failing:
    shape, dtype = (10, 3), np.dtype("f4")

    def __getitem__(self, index: object) -> object:
        raise OSError("the disk is gone")


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.h5", "x.zarr"])
def test_a_failure_leaves_what_was_there(tmp_path, name):
    write(tmp_path / name, source())
    with pytest.raises(OSError, match="the disk is gone"):
        write(tmp_path / name, Source(Failing()), overwrite=True)
    with open_source(tmp_path / name) as back:
        assert np.array_equal(back.load(), TABLE)
    assert [f.name for f in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["x.npz", "x.zarr"])
def test_nothing_is_replaced_unasked(tmp_path, name):
    write(tmp_path / name, source())
    with pytest.raises(BalerError, match="exists"):
        write(tmp_path / name, source())
    write(tmp_path / name, Source(TABLE[:10]), overwrite=True)
    with open_source(tmp_path / name) as back:
        assert back.shape == (10, 3)


def test_compression_needs_a_file_with_chunks(tmp_path):
    with pytest.raises(BalerError, match=r"write \.h5 or \.zarr"):
        write(tmp_path / "x.npy", source(), settings_of(None, None, True, source()))
    with pytest.raises(BalerError, match="ROOT files are read"):
        write(tmp_path / "x.root", source())
    with pytest.raises(BalerError, match="does not exist"):
        write(tmp_path / "nowhere" / "x.npy", source())


def test_chunks_hold_whole_rows():
    assert chunk_shape(source(), None) == (500, 3)
    assert chunk_shape(source(), 100) == (100, 3)
    assert chunk_shape(Source(np.empty((1000, 512, 512), "f4")), None) == (8, 512, 512)
    with pytest.raises(ShapeError):
        chunk_shape(source(), 0)


def test_range_bounds_are_resolved_by_column():
    settings = settings_of(None, ErrorBound("range", 0.01), True, source())
    for j, bound in enumerate(settings.bounds):
        assert bound.kind == "abs"
        assert bound.value == pytest.approx(0.01 * float(np.ptp(TABLE[:, j])), rel=1e-6)
