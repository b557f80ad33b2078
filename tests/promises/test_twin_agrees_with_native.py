"""Guarantee 5: two decoders, written apart from one text, give the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import models
import numpy as np
import pytest
import twin

import baler_codec
from baler_codec import Baler, Model, native

from .hard_arrays import FLOATS, INTEGERS, bits, make
from .samples import random_case

DTYPES = ("f4", "f8", "i4", "f2", "u1", "i8", "u8", "i2", "u4")
TESTS = Path(__file__).parents[1]


def mode_of(frame: bytes) -> str:
    return native.frame_info(np.frombuffer(frame, np.uint8)).mode


def assert_agree(codec: Baler, array: np.ndarray, model: bytes | None = None, latents: np.ndarray | None = None) -> str:
    """Both decoders give the same array; returns the frame's mode."""
    if latents is None:
        frame = codec.encode(array)
    else:
        frame = native.encode(array, model=codec.model.native(), latents=latents)
    expected = codec.decode(frame)
    found = twin.decode(frame, model)
    assert found.dtype == expected.dtype and found.shape == expected.shape == array.shape
    if array.dtype.kind != "V":
        np.testing.assert_array_equal(bits(found), bits(expected))
    assert found.tobytes() == expected.tobytes()
    return mode_of(frame)


def test_models_of_every_kind():
    """Random networks, orders, relations, hints, spikes, repeats, latents, bounds, units, dtypes."""
    modes = []
    for seed in range(36):
        rows = (40, 300, 1100, 16, 2100, 1)[seed % 6]
        model, table, latents = random_case(seed, DTYPES[seed % 9], rows, n_latents=seed % 4 if seed % 2 else 0)
        codec = Baler(Model.from_bytes(model.pack()))
        table = table if seed % 5 else np.asfortranarray(table)
        modes.append(assert_agree(codec, table, model.pack(), latents))
    assert modes.count("model") >= 12, "the test has lost its subject"


@pytest.mark.parametrize("seed", range(4))
def test_latents_alone(seed):
    model, table, _ = random_case(seed, ("f4", "f8", "i2", "f2")[seed], 300, n_latents=1 + seed, latent_only=True)
    assert assert_agree(Baler(Model.from_bytes(model.pack())), table, model.pack()) == "latent"


def test_chunks_with_lanes_and_slices_of_every_number():
    modes = []
    for i, rows in enumerate((255, 256, 2047, 2048, 8192, 9001)):
        model, table, _ = random_case(100 + i, "f4", rows)
        modes.append(assert_agree(Baler(Model.from_bytes(model.pack())), table, model.pack()))
    assert modes.count("model") >= 3, "the test has lost its subject"


def related(dtype: str) -> np.ndarray:
    """A table for every transform: sums, steps, decimals, few values, constants, repeats, contexts in rows before."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 40, (2, 900))
    few = rng.choice([3, 17, 100, 101], 900)
    state = np.repeat(rng.integers(0, 3, 90), 10)
    columns = [a, b, a + b, few, np.full(900, 7), np.arange(900) % 120, state, state * 10 + rng.integers(0, 3, 900)]
    if np.dtype(dtype).kind == "f":
        columns += [a / 10, np.round(rng.normal(size=900), 2)]
    return np.stack(columns, axis=1).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("bound", ["exact", "abs=0.5", "abs=2e-3", "pw_rel=1e-3", "pw_rel=1e-7"])
def test_built_in_model(dtype, bound):
    codec = Baler(bound=bound)
    shapes = [(600, 4), (1500,), (9, 10, 11), (3, 1100)]
    arrays = [
        make(seed, dtype, shape, 0.01, "F" if seed == 0 else "C", big=seed == 1) for seed, shape in enumerate(shapes)
    ]
    modes = {assert_agree(codec, array) for array in [*arrays, related(dtype)]}
    assert "built-in" in modes, "the test has lost its subject"


def test_the_shipped_model_on_jets():
    package = Path(native.__file__).parent
    path = package / "models" / "cms_jets.baler"
    if not path.exists():
        pytest.skip("no model is shipped")
    jets = np.load(package / "data" / "cms_jets_20k.npz")["data"][:1100].astype("f4")
    model = Model.from_bytes(path.read_bytes())
    modes = [assert_agree(Baler(m), jets, bytes(m)) for m in (model, model.with_bound("abs=1e-3"))]
    assert "model" in modes


@pytest.mark.parametrize(
    "bounds", [[(models.ABS, 0.01)], [(models.ABS, 0.01), (models.PW_REL, 1e-3), (models.EXACT, 0.0)]]
)
@pytest.mark.parametrize("shape", [(300, 3), (300, 2), (900,), (10, 30, 3), (2, 1100)])
def test_models_of_bounds_alone(bounds, shape):
    """Where a model fits its bounds hold; where it does not, the one that all columns share, or none."""
    model = models.Model(bounds=bounds).pack()
    array = make(3, "f4", shape, 0.02)
    handle = native.NativeModel(model)
    frame = native.encode(array, model=handle)
    out = np.empty_like(array)
    native.decode(np.frombuffer(frame, np.uint8), out, model=handle)
    np.testing.assert_array_equal(bits(twin.decode(frame, model)), bits(out))


def test_bytes():
    text = b"the same words again and again, " * 40 + bytes(range(256)) + np.arange(500, dtype="<u4").tobytes()
    modes = {assert_agree(Baler(), np.frombuffer(text, f"V{n}", len(text) // n)) for n in (2, 4, 5, 16, 3000)}
    assert "bytes" in modes, "the test has lost its subject"


def test_nothing_at_all():
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 2), ()]:
        assert_agree(Baler(bound="abs=1"), np.zeros(shape, "f4"))


EVERY = """
import hashlib, sys, numpy as np
from baler_codec import Baler, Model
from promises.samples import random_case
digest = hashlib.sha256()
for seed in range(6):
    model, table, _ = random_case(seed, ("f4", "i2", "f8")[seed % 3], 300, seed % 3, latent_only=seed % 3 == 2)
    codec = Baler(Model.from_bytes(model.pack()))
    frame = codec.encode(table)
    digest.update(frame + np.ascontiguousarray(codec.decode(frame)).tobytes())
print(digest.hexdigest())
"""


@cache
def digest(**environment: str) -> str:
    # the package that this process tests: a checkout must not stand in front of the installed one
    path = os.pathsep.join([str(TESTS), str(Path(baler_codec.__file__).parents[1])])
    environment = os.environ | {"PYTHONPATH": path} | environment
    run = subprocess.run([sys.executable, "-c", EVERY], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("isa", ["portable", "sse2", "avx2", "avx512", "avx512vnni"])
def test_every_instruction_set_gives_the_same_bytes(isa):
    assert digest(BALER_ISA=isa) == digest()
