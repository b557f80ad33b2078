"""A chunk whose latents the simulated circuit computed is the chunk that the native library writes."""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from baler_codec import Baler, native
from baler_codec.encoders import EncoderFallbackWarning, available, choose

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance_models import chance_model
from models import LATENT


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    choose.encoder_of.cache_clear()
    yield
    choose.encoder_of.cache_clear()


def test_chunks_of_the_circuit_are_those_of_the_library(cache):
    if available()["rtl"] is not None:
        pytest.skip(available()["rtl"])
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    table[3, 1] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no fall back
        frames = {name: Baler(model, encoder=name).encode(table) for name in ("native", "reference", "rtl")}
    assert native.frame_info(np.frombuffer(frames["rtl"], np.uint8)).mode == "latent"
    assert len({hashlib.sha256(frame).hexdigest() for frame in frames.values()}) == 1


def test_without_verilator_the_native_encoder_writes_and_says_so(cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "verilator and g++ not found" in (available()["rtl"] or "")
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    with pytest.warns(EncoderFallbackWarning, match="verilator and g"):
        frame = Baler(model, encoder="rtl").encode(table)
    assert frame == Baler(model).encode(table)
