"""The table of encoders compares what was checked, says why something has no figure, and is the one in the page."""

import json
from pathlib import Path

import numpy as np
import pytest

import baler_codec
from baler_codec.encoders import EncoderBackend, choose
from benchmarks import encoders, encoders_report

PAGE = Path(__file__).parents[2] / "docs" / "fpga.md"


class Wrong(EncoderBackend):
    name = "wrong"

    def encode(self, inputs):
        return self.spec.run(inputs) + 1


class Absent(Wrong):
    name = "absent"

    @classmethod
    def unavailable(cls):
        return "no board | is connected"


def test_rates_are_of_what_computes_the_specification(monkeypatch):
    backends = {"native": choose._BACKENDS["native"], "wrong": Wrong, "absent": Absent}
    monkeypatch.setattr(choose, "_BACKENDS", backends)
    monkeypatch.setattr(encoders, "_circuit", lambda spec: {"failed": "ConfigError: too large"})
    monkeypatch.delenv("BALER_PYNQ_PYTHON", raising=False)
    with np.load(encoders.DATA) as archive:
        jets = np.ascontiguousarray(archive["data"][:300], np.float32)
    found = encoders._model(baler_codec.load("cms_jets_ae"), jets)
    ways = found["ways"]
    assert ways["native"]["rows"] == 300 and ways["native"]["rows_per_cpu_second"] > 0
    assert ways["wrong"] == {"failed": "computes other latents than the specification"}
    assert "no board" in ways["absent"]["failed"]
    text = "\n".join(encoders_report.lines({"models": {"m": found}}))
    assert "34-64-64-14" in text and "other latents" in text and "| the circuit | – | – | too large |" in text
    assert "no board / is connected" in text  # a bar would be a column


def test_the_pages_table_is_the_kept_result():
    if not encoders.RESULTS.exists():
        pytest.skip("no results: python -m benchmarks.encoders")
    found = json.loads(encoders.RESULTS.read_text())
    page = PAGE.read_text()
    for line in filter(None, encoders_report.lines(found)):
        assert line in page


def test_models_with_an_encoder_are_measured():
    assert "cms_jets_ae" in encoders.shipped() and "cms_jets" not in encoders.shipped()
