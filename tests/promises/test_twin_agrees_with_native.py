"""Guarantee 5: two decoders, written apart from one text, give the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import twin

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
    np.testing.assert_array_equal(bits(found), bits(expected))
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
    for i, rows in enumerate((255, 256, 2047, 2048, 8192, 9001)):
        model, table, _ = random_case(100 + i, "f4", rows)
        mode = assert_agree(Baler(Model.from_bytes(model.pack())), table, model.pack())
        assert mode == "model"


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("bound", ["exact", "abs=0.5", "abs=2e-3", "pw_rel=1e-3", "pw_rel=1e-7"])
def test_built_in_model(dtype, bound):
    codec = Baler(bound=bound)
    for seed, shape in enumerate([(600, 4), (1500,), (9, 10, 11), (3, 1100)]):
        assert_agree(codec, make(seed, dtype, shape, 0.01, "F" if seed == 0 else "C", big=seed == 1))


def test_bytes():
    text = np.frombuffer(b"the same words again and again, " * 40 + bytes(range(256)), "V16")
    modes = {assert_agree(Baler(), array) for array in (text, text.view("V1"), text[:1])}
    assert "bytes" in modes


def test_nothing_at_all():
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 2), ()]:
        assert_agree(Baler(bound="abs=1"), np.zeros(shape, "f4"))


EVERY = """
import hashlib, sys, numpy as np
from baler_codec import Baler, Model
from promises.samples import random_case
digest = hashlib.sha256()
for seed in range(12):
    model, table, _ = random_case(seed, ("f4", "i2", "f8")[seed % 3], 300, seed % 3, latent_only=seed % 3 == 2)
    codec = Baler(Model.from_bytes(model.pack()))
    frame = codec.encode(table)
    digest.update(frame + np.ascontiguousarray(codec.decode(frame)).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.parametrize("isa", ["portable", "avx2", "avx512"])
def test_every_instruction_set_gives_the_same_bytes(isa):
    def digest(environment: dict[str, str]) -> str:
        installed = "PYTHONSAFEPATH" in os.environ  # tests/conftest.py: then the checkout must not stand in front
        path = os.pathsep.join([str(TESTS)] if installed else [str(TESTS), str(TESTS.parent)])
        run = subprocess.run(
            [sys.executable, "-c", EVERY],
            env=os.environ | {"PYTHONPATH": path} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert digest({"BALER_ISA": isa}) == digest({})
