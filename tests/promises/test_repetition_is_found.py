"""What has been there before, however far away, is not paid for again."""

from __future__ import annotations

import numpy as np

import baler_codec as baler


def test_frames_that_come_again_in_any_order_are_paid_once() -> None:
    rng = np.random.default_rng(5)
    y, x = np.ogrid[:64, :128]
    frames = np.zeros((4, 64, 128), np.float32)
    for frame in frames:
        for _ in range(4):
            a, b = rng.uniform(0.02, 0.1, 2)
            frame += np.sin(a * x + b * y + rng.uniform(0, 6)).astype(np.float32)
    codec = baler.Baler(bound="abs=1e-3")
    once = np.asarray(codec.decode(codec.encode(frames))).view(np.float32).reshape(frames.shape)
    alone = len(baler.Baler().encode(once.view("V4")))
    assert len(codec.encode(once[rng.integers(0, 4, 64)])) < 1.2 * alone + 64 * 16
