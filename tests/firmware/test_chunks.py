"""A chunk whose latents the simulated circuit computed is the chunk that the native library writes."""

import sys
from pathlib import Path

import numpy as np
import pytest

import baler_codec
from baler_codec import Baler, load, native
from baler_codec.encoders import EncoderFallbackWarning, available

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance_models import chance_model
from models import LATENT
from written import chunks


def test_a_chunk_of_the_shipped_circuit_is_the_librarys_in_every_container(cache, tmp_path):
    if available()["rtl"] is not None:
        pytest.skip(available()["rtl"])
    model = load("cms_jets_fpga").with_bound("latent")
    with np.load(Path(baler_codec.__file__).parent / "data" / "cms_jets_20k.npz") as archive:
        table = np.ascontiguousarray(archive["data"][:2000], np.float32)
    table[3, 1] = np.inf
    names = [n for n in ("native", "reference", "torch", "hls4ml", "rtl") if available()[n] is None]
    frames = chunks(tmp_path, model, table, names)
    assert frames == {Baler(model).encode(table)}
    assert native.frame_info(np.frombuffer(*frames, np.uint8)).mode == "latent"


def test_without_verilator_the_native_encoder_writes_and_says_so(cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "verilator and g++ not found" in (available()["rtl"] or "")
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    with pytest.warns(EncoderFallbackWarning, match="verilator and g"):
        frame = Baler(model, encoder="rtl").encode(table)
    assert frame == Baler(model).encode(table)
