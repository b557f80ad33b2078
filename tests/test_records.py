"""Structured dtypes in Python: what becomes of fields and bounds, what is refused and how it is said, Zarr."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import zarr

import baler_codec as baler
from baler_codec import Baler, ErrorBound, Model, native
from baler_codec.errors import BoundError, DTypeError, ShapeError
from baler_codec.record_bounds import bounds_of
from baler_codec.records import record_of
from baler_codec.sections import pack_record, parse_record

DTYPE = np.dtype([("pt", "<f4"), ("n", "<i4"), ("in", [("x", "<f8"), ("ok", "?")]), ("tag", "S3"), ("z", "<c8")])
FLAT = np.dtype([("pt", "<f4"), ("n", "<i2"), ("flag", "?"), ("tag", "S3"), ("x", "<f8")])


@pytest.fixture
def table() -> np.ndarray:
    rng = np.random.default_rng(2)
    array = np.zeros(500, FLAT)
    array["pt"], array["x"] = rng.exponential(20, 500), rng.normal(size=500)
    array["n"], array["tag"] = rng.integers(0, 5, 500), rng.choice([b"mu", b"e"], 500)
    return array


def kinds(spec: object, dtype: np.dtype = DTYPE) -> dict[str, str]:
    record = record_of(dtype)
    return {n: str(b) for n, b in zip(record.names, bounds_of(record, spec), strict=True)}


def test_structures_are_flattened_in_the_order_of_their_places():
    record = record_of(DTYPE)
    assert record.names == ("pt", "n", "in.x", "in.ok", "tag", "z") and record.itemsize == DTYPE.itemsize
    assert [f.kind for f in record.fields] == ["f", "i", "f", "u", "V", "f"]
    moved = np.dtype({"names": ["b", "a"], "formats": ["f4", "i2"], "offsets": [4, 0]})
    assert record_of(moved).names == ("a", "b")


def test_fields_that_share_bytes_are_bytes():
    union = np.dtype({"names": ["f", "i", "j"], "formats": ["<f4", "<i4", "<i4"], "offsets": [0, 2, 8]})
    shared, alone = record_of(union).fields
    assert (shared.name, shared.kind, shared.end, alone.name, alone.offset) == ("f|i", "V", 6, "j", 8)
    array = np.frombuffer(np.random.default_rng(0).bytes(12 * 50), union)
    decoded = Baler().decode(Baler(bound={"j": "abs=3"}, dtype=union).encode(array))
    assert [v.tobytes()[:8] for v in decoded] == [v.tobytes()[:8] for v in array.view("V12")]


def test_wide_dtypes_stay_within_the_formats_limits():
    many = np.dtype([(f"f{i}", "<f4") for i in range(1500)])
    assert len(record_of(many).fields) == 1024
    elements = np.dtype([(f"f{i}", "<f4", (16,)) for i in range(100)])
    assert sum(f.elements for f in record_of(elements).fields if f.kind == "f") <= 1024
    for dtype in (many, elements):
        array = np.zeros(3, dtype)
        codec = Baler(bound="abs=0.1")
        assert codec.decode(codec.encode(array)).tobytes() == array.tobytes()


def test_a_common_bound_is_for_floats_alone():
    assert kinds("abs=1") == {
        "pt": "abs=1.0", "n": "exact", "in.x": "abs=1.0", "in.ok": "exact", "tag": "exact", "z": "exact"
    }  # fmt: skip
    assert kinds({"*": "abs=1"}) == kinds("abs=1")


def test_names_of_structures_stand_for_their_fields():
    assert kinds({"in.x": "abs=2", "*": "pw_rel=0.1", "n": "abs=1"}) == {
        "pt": "pw_rel=0.1", "n": "abs=1.0", "in.x": "abs=2.0", "in.ok": "exact", "tag": "exact", "z": "exact"
    }  # fmt: skip
    numbers = np.dtype([("in", [("x", "f4"), ("y", "f4")]), ("z", "f4")])
    assert kinds({"in": "abs=1", "in.y": "abs=2"}, numbers) == {"in.x": "abs=1.0", "in.y": "abs=2.0", "z": "exact"}
    assert kinds(["abs=1", "abs=2", "exact"], numbers) == {"in.x": "abs=1.0", "in.y": "abs=2.0", "z": "exact"}


@pytest.mark.parametrize(
    "spec,error,says",
    [
        ({"momentum": "abs=1"}, BoundError, "momentum.*they have pt"),
        ({"tag": "abs=1"}, DTypeError, "tag"),
        ({"z": "abs=1"}, DTypeError, "'z'"),
        ({"in": "abs=1"}, DTypeError, "in.ok"),
        (["abs=1"], ShapeError, "1 bounds for the 6 fields"),
        ("latent", BoundError, "latent"),
        ({"pt": "range=0.1"}, BoundError, "data="),
    ],
)
def test_what_makes_no_sense_is_refused(spec, error, says):
    with pytest.raises(error, match=says):
        Baler(bound=spec, dtype=DTYPE)


def test_a_bound_that_is_for_nothing_is_refused():
    integers = np.dtype([("a", "i4"), ("b", "u1")])
    with pytest.raises(BoundError, match="no field of floats"):
        Baler(bound="abs=1", dtype=integers)
    with pytest.raises(BoundError, match="no field of floats"):
        Baler(bound="abs=1").encode(np.zeros(4, integers))
    assert Baler(bound={"a": "abs=1"}, dtype=integers).settings.field_bounds(integers)["a"] == ErrorBound("abs", 1)


def test_bounds_by_name_without_names_say_what_to_give():
    with pytest.raises(BoundError, match="dtype="):
        Baler(bound={"pt": "abs=1"})


def test_ranges_are_those_of_the_fields(table):
    codec = Baler(bound={"pt": "range=1e-3", "*": "range=1e-2"}, data=table)
    bounds = codec.settings.field_bounds(FLAT)
    assert bounds["pt"].value == pytest.approx(1e-3 * np.ptp(table["pt"]))
    assert bounds["x"].value == pytest.approx(1e-2 * np.ptp(table["x"])) and bounds["n"].kind == "exact"


def test_the_model_of_records_is_a_model_like_others(table, tmp_path):
    model = Model.of_records(FLAT, {"pt": "pw_rel=1e-3"})
    model.save(tmp_path / "r.baler")
    again = baler.load(tmp_path / "r.baler")
    assert again is model and model.columns == FLAT.names and not model.trained and model.n_columns == 5
    assert model.record == record_of(FLAT) and "records of 5 fields" in repr(model)
    other = model.with_bound({"x": "abs=1"})
    assert other.id != model.id and other.bound["x"] == ErrorBound("abs", 1) and other.bound["pt"] == model.bound["pt"]
    assert model.with_bound("exact").bounds == (ErrorBound("exact"),) * 5
    assert Baler(other).encode(table) == Baler(bound={"pt": "pw_rel=1e-3", "x": "abs=1"}, dtype=FLAT).encode(table)
    record = record_of(DTYPE)
    assert parse_record(pack_record(record), [{"name": f.name, "dtype": f.source} for f in record.fields]) == record


def test_data_of_another_layout_are_refused(table):
    codec = Baler(bound={"pt": "abs=1"}, dtype=FLAT)
    aligned = np.zeros(9, np.dtype(FLAT.descr, align=True))
    for wrong in (aligned, np.zeros(9, [("pt", "<f4"), ("n", "<i2")]), np.zeros((9, 5), "f4"), np.zeros(9, "V18")):
        with pytest.raises(DTypeError, match="records of 18 bytes with the fields pt"):
            codec.encode(wrong)
    with pytest.raises(DTypeError, match="tables of numbers"):
        Baler(Model.bounds_only(["abs=1", "exact"])).encode(table)


def test_one_model_serves_both_byte_orders(table):
    codec = Baler(bound={"pt": "abs=0.01"}, dtype=FLAT)
    swapped = table.astype(FLAT.newbyteorder(">"))
    a = codec.decode(codec.encode(table)).view(FLAT)
    b = codec.decode(codec.encode(swapped)).view(FLAT.newbyteorder(">"))
    np.testing.assert_array_equal(a, b.astype(FLAT))


@pytest.mark.parametrize("dtype", ["<c8", ">c16", "?", "<M8[s]", "<m8[ns]"])
def test_other_exact_numbers_profit_too(dtype):
    times = np.dtype(dtype).kind in "mM"
    array = (np.arange(6000) % 300).view(dtype) if times else (np.arange(6000) % 7 < 3).astype(dtype)
    frame = Baler().encode(array)
    assert Baler().decode(frame).tobytes() == array.tobytes()
    as_bytes = Baler().encode(array.view(f"V{array.itemsize}"))
    assert len(frame) <= len(as_bytes)


def test_model_for_records_refuses_damage():
    good = bytes(Model.of_records(FLAT, {"pt": "abs=1"}))
    for i in range(len(good)):
        for bad in (good[:i] + bytes([good[i] ^ 0x21]) + good[i + 1 :], good[:i]):
            try:
                handle = native.NativeModel(bad)
            except (baler.BalerError, MemoryError):
                continue
            native.encode(np.zeros(3, FLAT).view("V18"), model=handle)  # another sound model, or one for other records


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("bound", [None, "abs=1e-3", {"pt": "pw_rel=1e-2", "x": "range=1e-3", "n": "abs=1"}], ids=str)
def test_zarr_keeps_every_fields_bound(table, zarr_format, bound, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr: structured dtypes have no specification in format 3
        written = baler.zarr.create(tmp_path / "a.zarr", table, bound=bound, zarr_format=zarr_format, chunks=(200,))
        read = zarr.open(tmp_path / "a.zarr", mode="r")[:]
    codec = Baler(bound=bound, data=table)
    for name, allowed in codec.settings.field_bounds(FLAT).items():
        assert allowed.check(table[name], read[name]).all(), name
    assert read.dtype == FLAT and read["tag"].tolist() == table["tag"].tolist()
    assert ("pt: abs=" if bound else "bit for bit") in written.attrs["baler_compression"]


def test_zarr_refuses_another_layout_when_the_array_is_made(tmp_path):
    codec = baler.zarr.BalerCodec(bound={"pt": "abs=1"}, dtype=FLAT)
    with pytest.raises(DTypeError, match="records of 18 bytes"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.create_array({}, shape=(9,), dtype=[("pt", "f4")], serializer=codec, compressors=None)


def test_partial_writes_through_zarr_move_nothing(table):
    codec = Baler(bound={"pt": "pw_rel=1e-2", "x": "abs=0.1"}, dtype=FLAT)
    array = zarr.open({}, mode="w", zarr_format=2, shape=table.shape, chunks=(250,), dtype=FLAT, compressor=codec)
    array[:] = table
    before = array[:]
    array[10:20] = table[400:410]
    after = array[:]
    kept = np.r_[0:10, 20:500]
    assert after[kept].tobytes() == before[kept].tobytes()
