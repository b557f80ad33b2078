"""Arrays written with zarr, in both formats: every layout comes back inside its bound."""

import json

import numpy as np
import pytest

zarr = pytest.importorskip("zarr", minversion="3.0")

import baler_codec as baler  # noqa: E402
from baler_codec import ErrorBound, Model  # noqa: E402
from baler_codec.errors import ConfigError, CorruptDataError, DTypeError, ModelNotFoundError, ShapeError  # noqa: E402
from baler_codec.zarr import BalerCodec, create, load_models  # noqa: E402

RNG = np.random.default_rng(3)
TABLE = RNG.normal(0, 10, (500, 3)).astype("f4")
BOUNDS = ["abs=0.5", "exact", "pw_rel=0.01"]


def kept(bounds, original, decoded):
    decoded = np.asarray(decoded)
    if isinstance(bounds, str):
        return bool(ErrorBound.parse(bounds).check(original, decoded).all())
    return all(ErrorBound.parse(b).check(original[:, i], decoded[:, i]).all() for i, b in enumerate(bounds))


def write3(x, codec, chunks, **options):
    options = {"compressors": None} | options
    z = zarr.create_array({}, shape=x.shape, dtype=x.dtype, chunks=chunks, serializer=codec, **options)
    z[...] = x
    return zarr.open_array(z.store, mode="r")[...]


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", ">u4"])
def test_format_2_takes_baler_as_compressor(dtype, order):
    x = (100 + TABLE).astype(dtype)
    store = {}
    z = zarr.open(
        store, mode="w", zarr_format=2, compressor=baler.Baler(bound="abs=0.5"), shape=x.shape, chunks=(128, 2),
        dtype=x.dtype, order=order,
    )  # fmt: skip
    z[:] = x
    assert kept("abs=0.5", x, zarr.open_array(store, mode="r")[:])


def test_format_2_keeps_every_dtype_bit_for_bit():
    for x in (np.zeros(9, "M8[s]"), np.arange(9) + 1j, np.zeros(9, "?"), np.array(["a", "bc"]), np.zeros(3, "S5")):
        z = zarr.create_array({}, shape=x.shape, dtype=x.dtype, chunks=(2,), zarr_format=2, compressors=baler.Baler())
        z[:] = x
        assert np.array_equal(zarr.open_array(z.store, mode="r")[:], x)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<i4", ">i2", "u1"])
def test_format_3_takes_balercodec_as_serializer(dtype):
    x = (100 + TABLE).astype(dtype)
    got = write3(x, BalerCodec(bound="abs=0.5"), (128, 2))
    assert kept("abs=0.5", x, got.astype(x.dtype))
    assert kept("abs=0.5", x, write3(x, BalerCodec(bound="abs=0.5"), (64, 3), shards=(256, 3)).astype(x.dtype))


@pytest.mark.parametrize("dtype", ["?", "c8", "M8[s]", "<U4", "S3"])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_format_3_keeps_other_dtypes_bit_for_bit(dtype):
    x = np.arange(20).astype(dtype)
    assert np.array_equal(write3(x, BalerCodec(), (6,)), x)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (5, 7), (3, 4, 5)])
def test_shapes_of_every_kind(shape):
    x = RNG.normal(size=shape).astype("f4")
    chunks = tuple(max(1, n // 2) for n in shape)
    assert kept("abs=0.1", x, write3(x, BalerCodec(bound="abs=0.1"), chunks))


def test_a_transposed_table_still_finds_its_columns():
    x = np.ascontiguousarray(TABLE.T)
    codec = BalerCodec(bound=BOUNDS)
    got = write3(x, codec, (3, 100), filters=[zarr.codecs.TransposeCodec(order=(1, 0))])
    assert kept(BOUNDS, x.T, got.T)


def test_bounds_per_column_in_both_formats():
    assert kept(BOUNDS, TABLE, write3(TABLE, BalerCodec(bound=BOUNDS), (200, 3)))
    z = zarr.create_array({}, shape=TABLE.shape, dtype="f4", chunks=(200, 3), zarr_format=2,
                          compressors=baler.Baler(bound=BOUNDS))  # fmt: skip
    z[:] = TABLE
    assert kept(BOUNDS, TABLE, z[:])


def test_missing_and_padded_chunks_with_nan_fill():
    z = zarr.create_array({}, shape=(70,), dtype="f4", chunks=(30,), serializer=BalerCodec(bound="abs=0.1"),
                          compressors=None, fill_value=np.nan)  # fmt: skip
    z[35:70] = 1.5
    got = z[:]
    assert np.isnan(got[:35]).all() and kept("abs=0.1", np.full(35, 1.5, "f4"), got[35:])


def test_writing_one_value_again_and_again_never_leaves_the_bound():
    z = zarr.create_array({}, shape=TABLE.shape, dtype="f4", chunks=TABLE.shape, serializer=BalerCodec(bound=BOUNDS),
                          compressors=None)  # fmt: skip
    z[:] = TABLE
    first = z[:]
    for i in range(30):
        z[i, 0] = TABLE[i, 0]
    assert kept(BOUNDS, TABLE, z[:]) and np.array_equal(first, z[:])


def test_what_cannot_be_written_is_refused_when_the_array_is_created():
    def make(codec, dtype="f4", **options):
        zarr.create_array({}, shape=(8, 4), dtype=dtype, serializer=codec, compressors=None, **options)

    with pytest.raises(ShapeError, match="3 columns"):
        make(BalerCodec(bound=BOUNDS), chunks=(8, 2))
    with pytest.raises(ShapeError, match="3 columns"):
        make(BalerCodec(bound=BOUNDS), chunks=(4, 4), shards=(8, 4))
    with pytest.raises(DTypeError, match="no meaning"):
        make(BalerCodec(bound="abs=1"), dtype="c8", chunks=(8, 4))
    with pytest.raises(DTypeError, match="fixed size"):
        make(BalerCodec(), dtype=str, chunks=(8, 4))


def test_the_metadata_give_the_same_codec():
    for codec in (BalerCodec(), BalerCodec(bound="abs=1e-3", stable=False), BalerCodec(bound=BOUNDS)):
        data = json.loads(json.dumps(codec.to_dict()))
        assert data["name"] == "baler" and set(data["configuration"]) == {"model", "bound", "stable"}
        assert BalerCodec.from_dict(data) == codec and hash(BalerCodec.from_dict(data)) == hash(codec)
        assert BalerCodec(baler.Baler.from_config(data["configuration"])) == codec
        assert eval(repr(codec)) == codec


@pytest.mark.parametrize("change", [{"level": 1}, {"id": "baler"}])
def test_unknown_keys_are_refused_by_name(change):
    data = BalerCodec().to_dict()
    data["configuration"] |= change
    with pytest.raises(ConfigError, match=next(iter(change))):
        BalerCodec.from_dict(data)


def test_arrays_whose_model_is_missing_can_be_opened_and_say_what_is_missing():
    model = Model.bounds_only(["abs=0.123", "exact", "exact"])
    z = zarr.create_array({}, shape=TABLE.shape, dtype="f4", chunks=(500, 3), compressors=None,
                          serializer=BalerCodec(model, embed=False))  # fmt: skip
    z[:] = TABLE
    text = z.store._store_dict["zarr.json"].to_bytes().replace(model.id[7:].encode(), b"5" * 64)
    z.store._store_dict["zarr.json"] = zarr.core.buffer.cpu.Buffer.from_bytes(text)
    reopened = zarr.open_array(z.store, mode="r+")
    assert reopened.shape == TABLE.shape
    with pytest.raises(ModelNotFoundError, match="5" * 64):
        reopened[:] = TABLE


def test_a_chunk_of_another_array_is_refused():
    z = zarr.create_array({}, shape=(4,), dtype="f4", chunks=(4,), serializer=BalerCodec(), compressors=None)
    z[:] = 1
    z.store._store_dict["c/0"] = zarr.core.buffer.cpu.Buffer.from_bytes(baler.Baler().encode(np.arange(4, dtype="i4")))
    with pytest.raises(CorruptDataError, match="another array"):
        z[:]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_create_writes_checks_and_tells(zarr_format):
    z = create({}, TABLE, bound=["range=1e-3", "exact", "pw_rel=0.01"], zarr_format=zarr_format, attributes={"a": 1})
    story = json.loads(z.attrs["baler_compression"])
    assert z.attrs["baler_model"].startswith("sha256:") and z.attrs["a"] == 1
    assert story["bound"]["column 1"] == "exact" and story["achieved_error"].startswith("abs=")
    assert z.chunks == (500, 3)
    assert create({}, np.array(["x"]), zarr_format=2)[0] == "x"
    assert create({}, np.float32(2.5), bound="abs=0.1", zarr_format=zarr_format)[()] == pytest.approx(2.5, abs=0.1)


def test_a_model_beside_the_array_is_found_after_load_models():
    store = zarr.storage.MemoryStore()
    model = Model.bounds_only(["abs=0.321", "exact", "exact"])
    z = create(store, TABLE, model=model, embed=False, name="group/jets")
    assert model.id[7:] in zarr.open_group(store, path="group")["baler_models"]
    assert load_models(store, path="group") == [model]
    assert kept(["abs=0.321", "exact", "exact"], TABLE, z[:])
    assert load_models(store) == []
    with pytest.raises(ConfigError, match="name="):
        create({}, TABLE, model=model, embed=False)
