"""A model changes the size, never the values: whatever it predicts, whatever the table holds."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import abi  # noqa: E402
import models  # noqa: E402

DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    """A model, released at the end."""
    handle = ctypes.c_void_p()
    abi.check(abi.library().baler_model_open(data, ctypes.c_size_t(len(data)), ctypes.byref(handle)))
    try:
        assert handle.value
        yield handle.value
    finally:
        abi.library().baler_model_release(handle)


def random_table(rng: np.random.Generator, dtype: str, rows: int, columns: int) -> NDArray[Any]:
    """Columns of all sorts: smooth, heavy-tailed, mostly zero, constant, repeated; holes and infinities in floats."""
    out = np.empty((rows, columns), dtype)
    info = np.iinfo(dtype) if out.dtype.kind in "iu" else None
    for c in range(columns):
        sort = rng.integers(6)
        x = rng.normal(size=rows) * 10.0 ** rng.uniform(-2, 3)
        if sort == 1:
            x = np.exp(rng.normal(size=rows) * 2)
        elif sort == 2:
            x = np.where(rng.random(rows) < 0.7, 0.0, np.abs(x))
        elif sort == 3:
            x = np.full(rows, float(rng.integers(0, 50)))
        elif sort == 4:
            x = np.repeat(x, 5)[:rows]
        elif sort == 5:
            x = np.cumsum(rng.normal(size=rows))
        if info:
            x = np.clip(x, float(info.min) / 2, float(info.max) / 2)
            out[:, c] = x.astype(dtype)
            at = rng.random(rows) < 0.01
            out[at, c] = rng.choice(np.array([info.min, info.max], dtype), at.sum())
        else:
            with np.errstate(over="ignore"):
                out[:, c] = x.astype(dtype)
            if rng.random() < 0.5:
                at = rng.random(rows) < 0.03
                out[at, c] = rng.choice(np.array([np.nan, np.inf, -0.0, 6e4, -6e4, 1e-7], dtype), at.sum())
    return out


def random_bounds(rng: np.random.Generator, columns: int) -> list[tuple[int, float]]:
    def one() -> tuple[int, float]:
        kind = int(rng.integers(3))
        return kind, 0.0 if kind == models.EXACT else float(10.0 ** rng.uniform(-5, -1))

    return [one() for _ in range(columns)] if rng.random() < 0.5 else [one()]


def assert_within(x: NDArray[Any], y: NDArray[Any], bounds: list[tuple[int, float]]) -> None:
    unsigned = {2: "u2", 4: "u4", 8: "u8", 1: "u1"}[x.dtype.itemsize]
    same = x.view(unsigned) == y.view(unsigned)
    for c in range(x.shape[1]):
        kind, value = bounds[c if len(bounds) > 1 else 0]
        at = ~same[:, c]
        if x.dtype.kind == "f":
            assert np.isfinite(x[at, c]).all(), "what is not finite comes back bit for bit"
        a, b = x[at, c].astype(np.longdouble), y[at, c].astype(np.longdouble)
        allowed = {models.EXACT: 0.0, models.ABS: value, models.PW_REL: value * np.abs(a)}[kind]
        assert (np.abs(a - b) <= allowed).all()


def case(seed: int) -> tuple[NDArray[Any], models.Model]:
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([1, 2, 15, 16, 17, 100, 255, 256, 700, 2047, 2500, 8192, 10000]))
    columns = int(rng.integers(1, 9)) if rows < 5000 else int(rng.integers(1, 4))
    table = random_table(rng, DTYPES[seed % len(DTYPES)], rows, columns)
    return table, models.random_model(rng, table, random_bounds(rng, columns), n_latents=int(rng.integers(4)) // 2)


@cache
def model_mode() -> ctypes.CDLL:
    """Encoder that keeps the model's frame where the library would keep the smallest."""
    path = os.environ.get("BALER_MODEL_MODE")
    if path is None:
        if shutil.which("cmake") is None:
            pytest.skip("no cmake: the encoder that keeps every model frame cannot be built")
        build = abi.build_folder("model-mode")
        subprocess.run(["cmake", "-S", str(HERE), "-B", str(build)], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", str(build), "--parallel", "2"], check=True, capture_output=True)
        path = str(build / "libmodel_mode.so")
    return ctypes.CDLL(path)


def encode_with(model: bytes, table: NDArray[Any], latents: NDArray[np.int32] | None = None) -> bytes:
    """A frame in model mode."""
    array = abi.describe(table)
    out = ctypes.create_string_buffer(table.nbytes * 16 + (1 << 16))
    written = ctypes.c_size_t()
    given = None if latents is None else latents.ctypes.data_as(ctypes.c_void_p)
    arguments = (ctypes.byref(array), ctypes.c_void_p(table.ctypes.data), given, out, ctypes.c_size_t(len(out)))
    code = model_mode().model_mode_encode(model, ctypes.c_size_t(len(model)), *arguments, ctypes.byref(written))
    if code:
        raise abi.NativeError(code, out.raw[: written.value].decode())
    return out.raw[: written.value]


@pytest.mark.parametrize("seed", range(110))
def test_every_model_gives_the_values_back_inside_the_bound(seed: int) -> None:
    table, model = case(seed)
    data = model.pack()
    with opened(data) as handle:
        frame = encode_with(data, table)
        assert abi.info(frame).mode == abi.MODEL
        back = abi.decode_like(frame, table, model=handle)
        assert_within(table, back, model.bounds)
        assert encode_with(data, back) == frame, "encoding again changes nothing"
        smallest = abi.encode(table, model=handle)
        assert len(smallest) <= len(frame)
        assert abi.decode_like(smallest, table, model=handle).tobytes() == back.tobytes(), "the mode changes no value"


@pytest.mark.parametrize("seed", range(0, 110, 3))
def test_latents_from_outside_change_no_value(seed: int) -> None:
    table, model = case(seed)
    rng = np.random.default_rng(seed)
    latents = rng.integers(-1000, 1000, (len(table), max(len(model.latents), 1)), dtype=np.int32)
    latents[rng.random(latents.shape) < 0.1] = np.iinfo(np.int32).min
    data = model.pack()
    with opened(data) as handle:
        frames = [encode_with(data, table), encode_with(data, table, latents)]
        values = [abi.decode_like(frame, table, model=handle).tobytes() for frame in frames]
    assert values[0] == values[1]


@pytest.mark.parametrize("seed", range(12))
def test_latent_only_frames_read_the_same_from_anywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = random_table(rng, ["f4", "i2", "f8"][seed % 3], int(rng.choice([1, 40, 3000])), 4)
    model = models.random_model(rng, table, [(models.LATENT, 0.0)], n_latents=3)
    with opened(model.pack()) as handle:
        frame = abi.encode(table, model=handle)
        assert abi.info(frame).mode == abi.LATENT_ONLY or len(frame) < table.nbytes + 300
        back = abi.decode_like(frame, table, model=handle)
        if table.dtype.kind == "f":
            odd = ~np.isfinite(table)
            assert back[odd].tobytes() == table[odd].tobytes(), "what is not finite is kept"
            assert np.isfinite(back[~odd]).all() or table.dtype == np.float16


def digest() -> str:
    """Of all frames and values of a few random models: the same under every instruction set."""
    out = hashlib.sha256()
    for seed in range(40):
        table, model = case(seed)
        data = model.pack()
        frame = encode_with(data, table)
        with opened(data) as handle:
            out.update(frame + abi.decode_like(frame, table, model=handle).tobytes())
    return out.hexdigest()


@pytest.mark.parametrize("name", ["portable", "sse2", "avx2", "avx512", "avx512vnni"])
def test_every_instruction_set_gives_the_same_bytes(name: str) -> None:
    script = f"import sys; sys.path.insert(0, {str(HERE)!r}); import test_models_lose_nothing as t; print(t.digest())"
    environment = os.environ | {"BALER_ISA": name}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest()


def test_threads_share_one_model() -> None:
    cases = [case(seed) for seed in (3, 14, 25, 36)]
    for table, model in cases:
        data = model.pack()
        frame = encode_with(data, table)
        with opened(data) as handle, ThreadPoolExecutor(8) as pool:
            # what depends on the dtype is built by whoever comes first
            frames = list(pool.map(lambda _, t=table, d=data: encode_with(d, t), range(8)))
            values = list(
                pool.map(lambda _, t=table, h=handle, f=frame: abi.decode_like(f, t, model=h).tobytes(), range(16))
            )
        assert set(frames) == {frame}
        assert len(set(values)) == 1


def test_damaged_models_are_refused() -> None:
    table, model = case(5)
    good = model.pack()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(1500):
        bad = bytearray(good[: int(rng.integers(len(good)))] if rng.random() < 0.3 else good)
        for _ in range(int(rng.integers(1, 4))):
            if bad:
                bad[int(rng.integers(len(bad)))] ^= 1 << int(rng.integers(8))
        try:
            with opened(bytes(bad)) as handle:
                abi.decode_like(abi.encode(table, model=handle), table, model=handle)
        except abi.NativeError as error:
            assert error.code in (abi.CORRUPT, abi.VERSION, abi.MODEL_INVALID)
            refused += 1
    assert refused > 500


def test_damaged_payloads_never_crash() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        table, model = case(seed)
        data = model.pack()
        frame = encode_with(data, table)
        first = abi.payload_start(frame)
        with opened(data) as handle:
            for _ in range(30):
                bad = bytearray(frame)
                for _ in range(int(rng.integers(1, 6))):
                    bad[int(rng.integers(first, len(bad) - 4))] ^= 1 << int(rng.integers(8))
                bad[-4:] = zlib.crc32(bad[:-4]).to_bytes(4, "little")
                with suppress(abi.NativeError):
                    abi.decode_like(bytes(bad), table, model=handle)


def hostile() -> list[tuple[str, models.Model]]:
    """Models that break one rule each."""
    column = models.Variable()
    net = models.Net([], [models.Layer(np.zeros((2, 0), int), np.zeros(2, int), np.zeros(2, int))])
    base = models.Model([column], order=[0], nets={0: net})
    wide = models.Layer(np.full((2, 2), -32768), np.zeros(2, int), np.zeros(2, int))
    own = models.Net([(models.BEFORE, 0, 0)] * 2, [wide])

    def column_with(**change: Any) -> models.Model:
        return replace(base, variables=[replace(column, **change)])

    def with_net(bad: models.Net) -> models.Model:
        return replace(base, nets={0: bad})

    looped = replace(net, inputs=[(models.Z, 0, 0)], layers=[replace(net.layers[0], weight=np.ones((2, 1), int))])
    return [
        ("sums that overflow", with_net(own)),
        ("an input that is not known yet", with_net(looped)),
        ("a layer too many", with_net(replace(net, layers=net.layers * 7))),
        (
            "outputs too few",
            with_net(replace(net, layers=[models.Layer(np.zeros((1, 0), int), np.zeros(1, int), np.zeros(1, int))])),
        ),
        ("knots that fall", column_with(x=(1.0, -1.0))),
        ("a knot that is no number", column_with(x=(float("nan"), 1.0))),
        ("a range upside down", column_with(lo=2.0)),
        ("a spike outside", column_with(spike=2.0)),
        ("an escape that is free", column_with(esc=0)),
        ("a shape that is no distribution", column_with(shape=((1, 0, 1),) * 3)),
        ("an order with a repetition", replace(base, variables=[column] * 2, order=[0, 0], nets={0: net})),
        ("a hint that looks at itself", replace(base, hints={0: [(models.COLUMN, 0)]})),
        ("a hint that pops nothing", replace(base, hints={0: [(models.ADD,)]})),
        ("a hint of two values", replace(base, hints={0: [(models.CONSTANT, 1.0)] * 2})),
        ("a hint that is too deep", replace(base, hints={0: [(models.CONSTANT, 1.0)] * 33 + [(models.ADD,)] * 32})),
        ("a derived column without relation", replace(base, variables=[replace(column, derived=True)], nets={})),
        ("a bound that is negative", base.with_bounds([(models.ABS, -1.0)])),
        ("more bounds than columns", base.with_bounds([(models.ABS, 1.0)] * 2)),
        ("latent without autoencoder", base.with_bounds([(models.LATENT, 0.0)])),
    ]


@pytest.mark.parametrize("model", [pytest.param(model, id=name) for name, model in hostile()])
def test_models_that_break_a_rule_are_refused(model: models.Model) -> None:
    with pytest.raises(abi.NativeError) as caught, opened(model.pack()):
        pass
    assert caught.value.code in (abi.CORRUPT, abi.MODEL_INVALID)


def test_a_model_with_too_many_buckets_costs_no_time_and_no_chunk() -> None:
    shape = {"x": (-1e30, 1e30), "lo": -1e30, "hi": 1e30, "w": 12}
    net = models.Net([], [models.Layer(np.zeros((2, 0), int), np.zeros(2, int), np.zeros(2, int))])
    n = 1000
    model = models.Model([models.Variable(**shape)] * n, order=list(range(n)), nets=dict.fromkeys(range(n), net))
    table = np.random.default_rng(0).normal(size=(5, n)).astype("f4")
    data = model.pack()
    start = time.process_time()
    with opened(data) as handle:
        assert abi.decode_like(abi.encode(table, model=handle), table, model=handle).tobytes() == table.tobytes()
        with suppress(abi.NativeError):
            encode_with(data, table)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("seed", range(110))
def test_the_encoder_in_two_halves_gives_the_same_frame(seed: int) -> None:
    table, model = case(seed)
    if model.encoder is None:
        pytest.skip("a model without latents")
    data, n_latents = model.pack(), len(model.latents)
    with opened(data) as handle:
        inputs = np.empty((len(table), len(model.encoder.inputs)), np.int16)
        latents = np.empty((len(table), n_latents), np.int32)
        array, at = abi.describe(table), (lambda a: ctypes.c_void_p(a.ctypes.data))
        lib = abi.library()
        given = (ctypes.c_void_p(handle), ctypes.byref(array), at(table), at(inputs), ctypes.c_size_t(inputs.size))
        assert lib.baler_encoder_inputs(*given) == 0
        size = (ctypes.c_size_t(len(inputs)), at(latents), ctypes.c_size_t(latents.size))
        assert lib.baler_encoder_run(ctypes.c_void_p(handle), at(inputs), *size) == 0
        # one place too few in either half is told, and nothing is written beyond it
        assert lib.baler_encoder_inputs(*given[:-1], ctypes.c_size_t(inputs.size - 1)) != 0
        assert lib.baler_encoder_run(*(ctypes.c_void_p(handle), at(inputs)), *size[:-1], ctypes.c_size_t(0)) != 0
    assert encode_with(data, table, latents) == encode_with(data, table)
