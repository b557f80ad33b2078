"""Guarantee 5 for networks of grids: the decoders agree, whatever the network, the cells and the instruction set."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import twin
from twin.grid_scans import RASTER
from twin.lattice import lattice
from twin.model_file import read_model

import baler_codec
from baler_codec import Baler, Model
from baler_codec.sections import join_sections

from .frames import framed
from .grid_chance import payload
from .hard_arrays import FLOATS, INTEGERS, bits

SHAPES = [
    (2,), (90,), (300,), (3, 40), (40, 3), (17, 34), (1, 20, 1, 9), (2, 2, 2), (3, 9, 21), (12, 9, 9), (2, 3, 4, 5),
    (3, 3, 6, 7), (2, 3, 3, 4, 6), (2, 2, 2, 3, 2, 5), (5, 33), (2, 11, 36), (2, 2, 3, 40), (2, 1, 2, 2, 3, 32),
]  # fmt: skip
DECODE = """
import hashlib, sys
from baler_codec import Baler, Model
for line in open(sys.argv[1]):
    model, frame = (bytes.fromhex(word) for word in line.split())
    print(hashlib.sha256(bytes(Baler(Model.from_bytes(model)).decode(frame))).hexdigest())
"""


def network(rng: np.random.Generator, axes: int) -> bytes:
    """A GRID section by chance: up to four layers, weights up to what the proof allows."""
    kinds = rng.integers(0, 5, int(rng.integers(1, 70)))
    parts = []
    for kind in kinds:
        offset = np.zeros(4, int)
        while kind < 3 and not any(offset):
            offset[4 - axes :] = rng.integers(-2, 3, axes) * (1 if rng.integers(4) else 4)
        if any(offset) and tuple(offset) > (0, 0, 0, 0):
            offset = -offset
        parts.append(struct.pack("<B4b", kind, *offset))
    widths = [int(n) for n in rng.integers(1, 40, int(rng.integers(0, 4)))] + [2]
    skip = len(widths) > 1 and bool(rng.integers(2))
    width = len(kinds)
    for i, outputs in enumerate(widths):
        last = i + 1 == len(widths)
        width += len(kinds) if last and skip else 0
        weight = rng.normal(size=(outputs, width)) * (rng.random((outputs, width)) < rng.uniform(0.1, 1))
        room = rng.uniform(0.01, 0.9) * 60000 / np.maximum(np.abs(weight).sum(1, keepdims=True), 1e-9)
        weight = np.clip(np.trunc(weight * room), -32767, 32767).astype(int)
        shift = rng.integers(0, 17, outputs)
        bias = rng.integers(-(1 << 24), 1 << 24, outputs)
        activation = 0 if last else int(rng.integers(0, 9))
        parts += [struct.pack("<HBB", outputs, activation, 2), weight.astype("<i2").tobytes()]
        parts += [bias.astype("<i4").tobytes(), shift.astype("u1").tobytes()]
        width = outputs
    return struct.pack("<BBBBH", axes, 0, len(widths), skip, len(kinds)) + b"".join(parts)


def model_of(grid: bytes, bound: tuple[int, float]) -> bytes:
    return join_sections({"META": b"{}", "BNDS": struct.pack("<IBd", 1, *bound), "GRID": grid})


def stream(seed: int, shape: tuple[int, ...]) -> tuple[bytes, bytes]:
    """A model and a frame of it, both by chance."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(str(rng.choice(FLOATS + INTEGERS)))
    bound = [(0, 0.0), (1, 0.05), (1, 3.0), (2, 1e-3)][int(rng.integers(4))]
    axes = min(4, sum(n > 1 for n in shape))
    model = model_of(network(rng, axes), bound)
    net = read_model(model).grid
    data, exceptions = payload(rng, shape, lattice(dtype, *bound), RASTER, False, net)
    return model, framed(5, 12, dtype, shape, (0, 0.0), exceptions, data, hashlib.sha256(model).digest())


def test_random_networks(tmp_path):
    """Outputs that saturate, levels of all sizes, inputs that lead outside, masked cells."""
    found, lines = [], []
    for i in range(60):
        model, frame = stream(i, SHAPES[i % len(SHAPES)])
        try:
            expected = twin.decode(frame, model)
        except twin.CorruptDataError:  # units by chance, outside the lattice
            continue
        array = Baler(Model.from_bytes(model)).decode(frame)
        np.testing.assert_array_equal(bits(array), bits(expected))
        found.append(hashlib.sha256(bytes(array)).hexdigest())
        lines.append(f"{model.hex()} {frame.hex()}")
    assert len(found) >= 36, "the test has lost its subject"
    (tmp_path / "frames").write_text("\n".join(lines))
    for isa in ("portable", "sse2", "avx2", "avx512", "avx512vnni"):
        settings = os.environ | {"BALER_ISA": isa, "PYTHONPATH": str(Path(baler_codec.__file__).parents[1])}
        out = subprocess.run(
            [sys.executable, "-c", DECODE, str(tmp_path / "frames")], env=settings, capture_output=True, text=True
        )
        assert out.stdout.split() == found, (isa, out.stderr)


def test_a_network_is_not_for_other_grids():
    model, frame = stream(3, (17, 34))
    other = model_of(network(np.random.default_rng(1), 3), (1, 0.05))
    body = frame[:-4].replace(hashlib.sha256(model).digest(), hashlib.sha256(other).digest())
    changed = body + struct.pack("<I", zlib.crc32(body))
    with pytest.raises(baler_codec.errors.CorruptDataError, match="network"):
        Baler(Model.from_bytes(other)).decode(changed)
    with pytest.raises(twin.CorruptDataError):
        twin.decode(changed, other)
