"""Guarantee 5 for grids: the decoders agree, also on streams that no encoder of ours would write."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import twin
from twin.grid_scans import AXES, PARITY, RASTER, SLICES

import baler_codec
from baler_codec import Baler
from baler_codec.errors import CorruptDataError

from .fields import KINDS, MASKS, frame_of, make_field
from .grid_chance import random_frame
from .hard_arrays import FLOATS, INTEGERS, bits

SCANS = {"raster": RASTER, "parity": PARITY, "slices": SLICES, "axes": AXES}
SHAPES = [
    (1,), (2,), (3,), (7,), (300,), (2, 2), (3, 40), (40, 3), (17, 34), (33, 5), (1, 20, 1, 9), (2, 2, 2), (3, 4, 4),
    (3, 9, 21), (4, 17, 9), (2, 3, 4, 5), (3, 3, 6, 7), (2, 5, 9, 4), (2, 3, 3, 4, 6), (2, 2, 2, 3, 2, 5),
    (2, 32), (5, 33), (3, 4, 40), (2, 3, 2, 35), (2, 2, 1, 3, 3, 33), (1, 130),
]  # fmt: skip
DECODE = """
import hashlib, sys
from baler_codec import Baler
for line in open(sys.argv[1]):
    print(hashlib.sha256(bytes(Baler().decode(bytes.fromhex(line)))).hexdigest())
"""


def assert_agree(data: bytes) -> np.ndarray | None:
    """Both decoders give the same array, or both refuse (None)."""
    try:
        expected = twin.decode(data)
    except twin.CorruptDataError:
        with pytest.raises(CorruptDataError):
            Baler().decode(data)
        return None
    found = Baler().decode(data)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_array_equal(bits(found), bits(expected))
    return expected


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("name", SCANS)
def test_random_streams(name, closed):
    """All parameters by chance: classes, units, weights, gains, scales, maps, escapes."""
    agreed = tried = 0
    for i, shape in enumerate(SHAPES):
        real = [n for n in shape if n > 1]
        if name == "slices" and (len(real) < 3 or real[-3] < 3 or min(real[-2:]) < 4):
            continue
        tried += 1
        agreed += (
            assert_agree(random_frame(1000 * i + 2 * SCANS[name] + closed, shape, SCANS[name], closed)) is not None
        )
    assert agreed >= 0.6 * tried, "the test has lost its subject"


def test_groups_that_are_large_enough_for_a_map_of_their_own():
    """The last level has one, the others share one."""
    assert assert_agree(random_frame(5, (40003,), PARITY, False)) is not None


def test_what_the_encoder_writes():
    shapes = [(900,), (30, 40), (2, 300), (300, 2), (300, 3), (9, 10, 11), (3, 4, 9, 8), (2, 3, 2, 5, 9), (4, 3, 1, 40)]
    modes = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        dtype = (FLOATS + INTEGERS)[seed % 11] if seed % 2 else "f4"
        array = make_field(
            seed,
            dtype,
            shapes[seed % len(shapes)],
            str(rng.choice(KINDS)),
            str(rng.choice(MASKS)),
            str(rng.choice(["C", "F", ">"])),
        )
        bound = str(rng.choice(["exact", "abs=0.01", "abs=0.3", "abs=2", "pw_rel=1e-3"]))
        data = Baler(bound=bound, stable=bool(seed % 3)).encode(array)
        assert assert_agree(data) is not None
        modes.append((frame_of(data).mode, frame_of(data).stable))
    assert sum(mode == "grid" for mode, _ in modes) >= 30, "the test has lost its subject"
    assert ("grid", False) in modes


def test_all_instruction_sets_decode_the_same(tmp_path):
    """Streams by chance and of the encoder: every scan, open and closed, with masks, small and large numbers."""
    found, lines = [], []

    def add(data: bytes) -> None:
        try:
            array = Baler().decode(data)
        except CorruptDataError:
            return
        found.append(hashlib.sha256(bytes(array)).hexdigest())
        lines.append(data.hex())

    for name, kind in SCANS.items():
        for i, shape in enumerate([(3, 4, 40), (5, 130), (2, 3, 9, 67), (300,), (2, 2, 2, 3, 4, 35)]):
            if name == "slices" and len(shape) < 3:
                continue
            for closed in (False, True):
                for seed in range(3):
                    add(random_frame(70000 + 100 * i + 10 * kind + 2 * seed + closed, shape, kind, closed))
    for seed in range(24):
        dtype, mask = ("f4", "f8", "i2", "i4")[seed % 4], MASKS[seed % len(MASKS)]
        array = make_field(
            seed, dtype, ((40, 70), (7, 33, 49), (2, 5, 20, 36))[seed % 3], KINDS[seed % len(KINDS)], mask, "C"
        )
        add(Baler(bound=("abs=0.01", "abs=2", "exact")[seed % 3], stable=bool(seed & 8)).encode(array))
    assert len(found) >= 80, "the test has lost its subject"
    (tmp_path / "frames").write_text("\n".join(lines))
    for isa in ("portable", "avx2", "avx512"):
        settings = os.environ | {"BALER_ISA": isa, "PYTHONPATH": str(Path(baler_codec.__file__).parents[1])}
        out = subprocess.run(
            [sys.executable, "-c", DECODE, str(tmp_path / "frames")], env=settings, capture_output=True, text=True
        )
        assert out.stdout.split() == found, (isa, out.stderr)
