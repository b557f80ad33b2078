"""The table of encoders compares what was checked, says why something has no figure, and is the one in the page."""

import json

import numpy as np
import pytest

import baler_codec
from baler_codec.encoders import EncoderBackend, choose
from benchmarks import encoders, encoders_report


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
    page = encoders.PAGE.read_text()
    assert encoders_report.put_into(page, json.loads(encoders.RESULTS.read_text())) == page
    with pytest.raises(ValueError, match="no place"):
        encoders_report.put_into("# Another page", {"models": {}})


def test_models_with_an_encoder_are_measured():
    assert "cms_jets_ae" in encoders.shipped() and "cms_jets" not in encoders.shipped()
