"""Holes in a field come back bit for bit, and cost hardly more than the best packing of their outlines."""

from __future__ import annotations

import lzma
import zlib

import numpy as np
import pytest

from baler_codec import Baler, ErrorBound

from .fields import make_field, smooth
from .hard_arrays import assert_inside, bits

SHAPES = [(200, 240), (16, 48, 60)]


def packed(mask: np.ndarray) -> int:
    """Bytes of the best that general compressors make of one bit a cell."""
    data = np.packbits(mask).tobytes()
    return min(len(zlib.compress(data, 9)), len(lzma.compress(data, preset=9)), len(Baler().encode(mask.view("u1"))))


def masks(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    coast = np.broadcast_to(smooth(rng, shape[-2:], 6) > 0.3, shape)  # the same in every slice
    cloud = smooth(rng, shape, 5) > 1
    return {
        "coast": coast.copy(),
        "cloud": cloud,
        "few": rng.random(shape) < 0.001,
        "scattered": rng.random(shape) < 0.08,
        "half": rng.random(shape) < 0.5,
        "rows": np.broadcast_to((np.arange(shape[-1]) % 16 == 3), shape).copy(),
    }


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("fill", [np.nan, 1e20], ids=str)
@pytest.mark.parametrize("name", sorted(masks((4, 4))))
def test_masks(shape, fill, name):
    mask = masks(shape)[name]
    whole = make_field(4, "f4", shape, "rough")
    array = np.where(mask, np.float32(fill), whole)
    for bound in ("abs=0.01", "abs=0.0005"):
        codec = Baler(bound=bound)
        frame = codec.encode(array)
        decoded = codec.decode(frame)
        np.testing.assert_array_equal(bits(decoded[mask]), bits(array[mask]))
        assert_inside(array, decoded, ErrorBound.parse(bound))
        allowed = len(codec.encode(whole)) + packed(mask)
        assert len(frame) <= 1.05 * allowed, f"{len(frame)} bytes, {allowed} for the field and the mask apart"
