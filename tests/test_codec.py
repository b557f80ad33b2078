"""What a numcodecs codec owes: any buffer in, the same values out, a configuration that gives the same codec."""

import array
import base64
import copy
import json
import pickle
import subprocess
import sys
import threading

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from baler_codec import Baler, ErrorBound, Model, native
from baler_codec.errors import BalerError, BoundError, ConfigError, CorruptDataError, DTypeError, ShapeError

RNG = np.random.default_rng(7)
NUMBERS = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
ARRAYS = [
    np.arange(1000, dtype="i4"),
    RNG.normal(1000, 1, (100, 10)),
    RNG.normal(0, 1, (10, 10, 10)).astype("f4"),
    np.asfortranarray(RNG.normal(0, 1, (30, 7))),
    RNG.integers(0, 2, (50, 3), dtype="u1").view("?"),
    RNG.choice(np.array(["a", "bb", "ccc"]), 100),
    RNG.choice(np.array([b"a", b"bb", b"ccc"]), (10, 10)),
    RNG.integers(0, 2**60, 100, dtype="i8").view("M8[ns]"),
    RNG.integers(0, 2**60, 100, dtype="i8").view("m8[ms]"),
    (RNG.normal(size=20) + 1j).astype("c8"),
    np.arange(20, dtype=">f8").reshape(4, 5),
    np.array(3.25),
    np.zeros((0, 3), "f4"),
    np.zeros(5, [("a", "f4"), ("b", "S3")]),
    np.full(300, np.nan, "f2"),
]
CODECS = [Baler(), Baler(bound="abs=0.01"), Baler(bound="pw_rel=1e-3"), Baler(bound="abs=0.01", stable=False)]


def bits(a):
    return np.ascontiguousarray(a).tobytes()


def inside(bound, original, decoded):
    assert decoded.dtype == original.dtype and decoded.shape == original.shape
    return bool(ErrorBound.parse(bound).check(original, decoded).all())


@pytest.mark.parametrize("x", ARRAYS, ids=lambda x: f"{x.dtype}-{x.shape}")
def test_lossless_means_every_bit_of_every_dtype(x):
    codec = Baler()
    decoded = codec.decode(codec.encode(x)).view(x.dtype)
    assert decoded.shape == x.shape and bits(decoded) == bits(x)
    assert decoded.flags.f_contiguous == x.flags.f_contiguous


@pytest.mark.parametrize("x", [a for a in ARRAYS if a.nbytes], ids=lambda x: f"{x.dtype}-{x.shape}")
def test_any_buffer_may_go_in_and_out(x):
    codec = Baler()
    memory = x.tobytes(order="A")
    typeless = [memory, bytearray(memory), array.array("b", memory), memoryview(memory)]
    for buffer in typeless:
        frame = codec.encode(buffer)
        out = np.empty_like(x)
        assert bytes(codec.decode(frame)) == codec.decode(frame, out=out).tobytes(order="A") == memory
    frame = codec.encode(x)
    for buffer in (frame, bytearray(frame), array.array("B", frame), np.frombuffer(frame, "u1"), memoryview(frame)):
        assert bits(codec.decode(buffer)) == bits(x)
    for out in (np.empty_like(x), bytearray(x.nbytes)):
        codec.decode(frame, out=out)
        got = out if isinstance(out, np.ndarray) else np.frombuffer(out, x.dtype)
        assert got.tobytes(order="A") == memory


def test_a_lossy_codec_keeps_typeless_buffers_bit_for_bit():
    memory = RNG.normal(size=100).tobytes()
    codec = Baler(bound="abs=10")
    assert bytes(codec.decode(codec.encode(memory))) == memory
    assert bytes(codec.decode(codec.encode(array.array("b", memory)))) == memory


def test_a_typed_buffer_is_an_array():
    codec = Baler(bound="abs=0.25")
    x = array.array("d", [0.1, 5.0, 9.3])
    assert inside("abs=0.25", np.array(x), codec.decode(codec.encode(x)))


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bound", ["exact", "abs=0.5", "abs=2", "pw_rel=0.01"])
def test_byte_order_comes_back_as_it_was(dtype, order, bound):
    x = RNG.integers(0, 100, (40, 3)).astype(np.dtype(dtype).newbyteorder(order))
    codec = Baler(bound=bound)
    decoded = codec.decode(codec.encode(x))
    assert decoded.dtype.str == x.dtype.str and inside(bound, x, decoded)


@pytest.mark.parametrize("codec", CODECS, ids=repr)
def test_views_read_only_and_zero_sized_arrays_are_welcome(codec):
    x = RNG.normal(size=(20, 12)).astype("f4")
    frozen = x.copy()
    frozen.flags.writeable = False
    for view in (x[::2], x[:, ::-3], x.T, frozen, x[:0], x[5, 5], np.broadcast_to(x[:1], (9, 12))):
        decoded = codec.decode(codec.encode(view))
        bound = str(codec.bound)
        assert inside(bound, np.asarray(view), decoded)


def test_decoding_into_an_array_of_the_other_order():
    codec = Baler(bound="abs=0.01")
    table = RNG.normal(size=(6, 4))
    for x in (np.asfortranarray(table), table, table.astype(">f8")):
        frame = codec.encode(x)
        for order in "CF":
            for dtype in ("<f8", ">f8"):
                out = np.empty(x.shape, dtype, order)
                assert codec.decode(frame, out=out) is out
                assert np.array_equal(out, codec.decode(frame))


def test_decoding_into_part_of_an_array():
    codec, x = Baler(), RNG.normal(size=(6, 4))
    big = np.zeros((6, 8))
    codec.decode(codec.encode(x), out=big[:, ::2])
    assert np.array_equal(big[:, ::2], x) and not big[:, 1::2].any()


def test_objects_are_refused_with_the_cure():
    with pytest.raises(TypeError, match="fixed dtype"):
        Baler().encode(np.array(["foo", None], object))
    with pytest.raises(TypeError, match="objects"):
        Baler().decode(Baler().encode(np.arange(10)), out=np.empty(10, object))
    with pytest.raises(TypeError):
        Baler().encode([1, 2, 3])


def test_bounds_on_what_is_not_numbers_are_refused():
    for x in (np.zeros(3, "c8"), np.zeros(3, "?"), np.zeros(3, "M8[s]"), np.array(["a"])):
        with pytest.raises(DTypeError, match="leave the bound out"):
            Baler(bound="abs=1").encode(x)


def test_the_columns_of_the_model_are_asked_for():
    codec = Baler(bound=["abs=1", "exact", "abs=1"])
    with pytest.raises(ShapeError, match="3 columns"):
        codec.encode(np.zeros((5, 4)))
    with pytest.raises(ShapeError, match="3 columns"):
        codec.encode(np.zeros(6))


def test_each_column_keeps_its_own_bound():
    x = RNG.normal(0, 10, (500, 3)).astype("f4")
    bounds = ["abs=0.5", "exact", "pw_rel=0.01"]
    codec = Baler(bound=bounds)
    y = codec.decode(codec.encode(x))
    for i, bound in enumerate(bounds):
        assert inside(bound, x[:, i], y[:, i])
    assert not np.array_equal(x[:, 0], y[:, 0])


@pytest.mark.parametrize("size", [0, 7, 9])
def test_out_must_have_the_size_of_the_data(size):
    frame = Baler().encode(np.arange(8, dtype="u1"))
    with pytest.raises(ShapeError, match="8"):
        Baler().decode(frame, out=bytearray(size))


def test_read_only_out_is_refused():
    frame = Baler().encode(np.arange(8, dtype="u1"))
    with pytest.raises(ValueError, match="read-only"):
        Baler().decode(frame, out=bytes(8))


ANY_FLOATS = hnp.arrays(
    st.sampled_from(["f2", "f4", "f8", ">f4"]).map(np.dtype),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9),
)


@settings(max_examples=150, deadline=None)
@given(
    ANY_FLOATS,
    st.sampled_from(["abs=1e-3", "abs=1e30", "pw_rel=0.1", "pw_rel=1e-6", "abs=1e-300", "exact"]),
    st.booleans(),
)
def test_every_value_is_inside_the_bound(x, bound, stable):
    codec = Baler(bound=bound, stable=stable)
    assert inside(bound, x, codec.decode(codec.encode(x)))


@settings(max_examples=150, deadline=None)
@given(ANY_FLOATS, st.sampled_from(["abs=1e-3", "abs=7", "pw_rel=0.1", "pw_rel=1e-4"]))
def test_encoding_again_changes_nothing(x, bound):
    codec = Baler(bound=bound)
    once = codec.decode(codec.encode(x))
    assert bits(codec.decode(codec.encode(once))) == bits(once)


def test_decoding_needs_no_settings():
    x = RNG.normal(size=50)
    codec = Baler(bound="abs=0.1")
    frame = codec.encode(x)
    assert np.array_equal(Baler().decode(frame), codec.decode(frame))


@pytest.mark.parametrize("model", [None, Model.bounds_only(["abs=0.1", "exact"])])
@pytest.mark.parametrize("stable", [True, False])
def test_the_configuration_gives_the_same_codec(model, stable):
    for codec in (Baler(model, stable=stable), Baler(bound="abs=1e-3", stable=stable)):
        config = json.loads(json.dumps(codec.get_config()))
        assert set(config) == {"id", "model", "bound", "stable"} and config["id"] == "baler"
        other = numcodecs.get_codec(config)
        assert other == codec and hash(other) == hash(codec) and other.get_config() == config
        assert eval(repr(codec)) == codec
        assert pickle.loads(pickle.dumps(codec)) == codec == copy.deepcopy(codec)


def test_the_bound_in_the_configuration_is_exact():
    value = 0.1 + 0.2
    config = Baler(bound=f"abs={value!r}").get_config()
    assert config["bound"] == "abs=0.30000000000000004"
    assert Baler.from_config(config).bound.value == value


def test_the_repr_is_short_and_pickles_are_small():
    codec = Baler(bound=["abs=0.1"] * 24 + ["exact"])
    assert len(repr(codec)) < 100 and len(pickle.dumps(codec)) < 1000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"level": 3}, "level"),
        ({"model": {"id": "sha256:" + "0" * 64, "url": "x"}}, "url"),
        ({"model": "jets"}, "null or an object"),
        ({"model": {"id": "jets"}}, "sha256"),
        ({"model": {"id": "sha256:" + "0" * 64, "data": "!"}}, "damaged"),
        ({"model": {"id": "sha256:" + "0" * 64, "data": "AAAA"}}, "damaged"),
        ({"model": {"id": "sha256:" + "0" * 64}, "bound": "abs=1.0"}, "no bound beside"),
        ({"bound": 1e-3}, "string"),
        ({"bound": "range=0.1"}, "data="),
        ({"stable": 1}, "stable"),
    ],
)
def test_configurations_of_the_future_are_refused_by_name(change, says):
    with pytest.raises((ConfigError, BoundError), match=says):
        Baler.from_config({"model": None, "bound": None, "stable": True} | change)


def test_an_altered_inline_model_is_refused():
    config = Baler(Model.bounds_only(["abs=0.5", "exact"])).get_config()
    other = Baler(Model.bounds_only(["abs=0.25", "exact"])).get_config()
    config["model"]["data"] = other["model"]["data"]
    with pytest.raises(ConfigError, match="altered"):
        Baler.from_config(config)
    raw = base64.b64decode(other["model"]["data"])
    config["model"]["data"] = base64.b64encode(raw[:-3]).decode()
    with pytest.raises(ConfigError, match="damaged"):
        Baler.from_config(config)


def test_a_model_by_reference_is_looked_for_when_it_is_needed():
    config = {"model": {"id": "sha256:" + "9" * 64}, "bound": None, "stable": True}
    codec = Baler.from_config(config)
    assert codec.get_config()["model"] == {"id": "sha256:" + "9" * 64}
    with pytest.raises(LookupError, match="baler models add"):
        codec.encode(np.zeros((3, 2)))


def test_embedding_is_a_choice():
    model = Model.bounds_only(["abs=0.75", "exact"])
    codec = Baler(model, embed=False)
    assert codec.get_config()["model"] == {"id": model.id}
    assert pickle.loads(pickle.dumps(codec)).model is model
    with pytest.raises(ConfigError, match="embed"):
        Baler(model, embed="store")


def test_a_codec_travels_to_another_process_with_a_model_that_only_this_one_has():
    model = Model.bounds_only(["abs=0.875", "exact"])
    x = RNG.normal(size=(20, 2))
    for codec in (Baler(model), Baler(model, embed=False)):
        code = "import pickle, sys; c, f = pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(c.decode(f).data)"
        sent = pickle.dumps((codec, codec.encode(x)))
        got = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, timeout=60, check=True)
        assert got.stdout == bits(codec.decode(codec.encode(x)))


def test_damaged_frames_are_refused():
    codec = Baler(bound="abs=0.01")
    frame = codec.encode(RNG.normal(size=(50, 3)))
    for i in range(0, len(frame), 7):
        damaged = bytearray(frame)
        damaged[i] ^= 0x10
        with pytest.raises(BalerError):
            codec.decode(damaged)
    for n in range(0, len(frame), 11):
        with pytest.raises(CorruptDataError):
            codec.decode(frame[:n])
    with pytest.raises(BalerError):
        codec.decode(frame + b"\0")
    with pytest.raises(BalerError):
        codec.decode(b"")


def test_a_frame_describes_itself():
    x = np.asfortranarray(RNG.normal(size=(50, 3)).astype(">f4"))
    codec = Baler(bound=["abs=0.5", "exact", "exact"])
    info = native.frame_info(np.frombuffer(codec.encode(x), "u1"), verify=True)
    assert (info.dtype, info.shape, info.order) == (x.dtype, x.shape, "F")
    assert info.model_id in (codec.model.id, None) and info.nbytes == x.nbytes


def test_eight_threads_get_the_bytes_of_one():
    x = RNG.normal(size=(3000, 5)).astype("f4")
    codec = Baler(bound=["abs=0.01"] * 4 + ["exact"])
    want = codec.encode(x)
    got = []

    def work():
        frame = codec.encode(x)
        got.append((frame, bits(codec.decode(frame))))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) == {(want, bits(codec.decode(want)))}
