"""A chunk whose latents the simulated circuit computed is the chunk that the native library writes."""

import sys
from pathlib import Path

import numpy as np
import pytest

from baler_codec import Baler, native
from baler_codec.encoders import EncoderFallbackWarning, available

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance_models import chance_model
from models import LATENT
from written import chunks


def test_a_chunk_of_the_circuit_has_the_hash_of_the_librarys_in_every_container(cache, tmp_path):
    if available()["rtl"] is not None:
        pytest.skip(available()["rtl"])
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    table[3, 1] = np.inf
    frames = chunks(
        tmp_path, model, table, [n for n in ("native", "reference", "torch", "hls4ml", "rtl") if available()[n] is None]
    )
    assert frames == {Baler(model).encode(table)}
    assert native.frame_info(np.frombuffer(*frames, np.uint8)).mode == "latent"


def test_without_verilator_the_native_encoder_writes_and_says_so(cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "verilator and g++ not found" in (available()["rtl"] or "")
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    with pytest.warns(EncoderFallbackWarning, match="verilator and g"):
        frame = Baler(model, encoder="rtl").encode(table)
    assert frame == Baler(model).encode(table)
