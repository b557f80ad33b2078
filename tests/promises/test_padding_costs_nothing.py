"""Rows that storage adds at the end of an edge chunk are not paid for, whatever they hold."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

import baler_codec as baler
from baler_codec import native

ROWS, PADDED = 4_000, 12_000


def padded_jets(fill: float) -> tuple[np.ndarray, np.ndarray]:
    with (files("baler_codec") / "data" / "cms_jets_20k.npz").open("rb") as file, np.load(file) as sample:
        jets = np.ascontiguousarray(sample["data"][:ROWS])
    padding = np.full((PADDED - ROWS, jets.shape[1]), fill, jets.dtype)
    return jets, np.concatenate([jets, padding])


@pytest.mark.parametrize("fill", [0.0, np.nan, -999.0, 1e20])
@pytest.mark.parametrize(("name", "bound"), [("cms_jets", "range=1e-3"), ("cms_jets_ae", "latent")])
def test_padding_costs_next_to_nothing(name: str, bound: str, fill: float) -> None:
    jets, chunk = padded_jets(fill)
    codec = baler.Baler(baler.load(name).with_bound(bound))
    frame = codec.encode(chunk)
    mode = native.frame_info(np.frombuffer(frame, np.uint8)).mode
    assert mode == ("latent" if bound == "latent" else "model")
    assert len(frame) <= 1.01 * len(codec.encode(jets)) + 512
    decoded = np.asarray(codec.decode(frame)).reshape(chunk.shape)
    if bound == "latent":
        assert np.array_equal(decoded[ROWS:], np.broadcast_to(decoded[ROWS], decoded[ROWS:].shape), equal_nan=True)
    else:
        for j, limit in enumerate(codec.model.bounds):
            assert limit.check(chunk[:, j], decoded[:, j]).all()
        assert codec.encode(decoded) == frame
