"""Backends of other packages are found by their entry points, tried like our own, and cannot do harm."""

import json
import warnings

import pytest

from baler_codec import Baler
from baler_codec.cli import run
from baler_codec.encoders import EncoderFallbackWarning, available, choose, names

CODE = """
from baler_codec.encoders import EncoderBackend

class Abacus(EncoderBackend):
    name = "abacus"
    rows = 0

    def encode(self, inputs):
        Abacus.rows += len(inputs)
        return self.spec.run(inputs)

class Away(Abacus):
    @classmethod
    def unavailable(cls):
        return "nobody is at the abacus"

class Falls(Abacus):
    @classmethod
    def unavailable(cls):
        raise OSError("fell off the table")

NOT_ONE = 7
"""
POINTS = """[baler_codec.encoders]
abacus = fake_abacus:Abacus
away = fake_abacus:Away
broken = fake_abacus_that_is_not_there:Abacus
falls = fake_abacus:Falls
native = fake_abacus:Away
number = fake_abacus:NOT_ONE
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution of another package, as pip would leave it."""
    info = tmp_path / "fake_abacus-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-abacus\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (tmp_path / "fake_abacus.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    choose.encoder_of.cache_clear()
    yield
    choose.encoder_of.cache_clear()


def test_an_installed_backend_encodes_with_the_same_bytes(installed, jets, rows, monkeypatch):
    import fake_abacus

    assert names()[:2] == ("native", "reference") and "abacus" in names()
    model = jets.with_bound("latent")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = Baler(model, encoder="abacus").encode(rows[:500])
        assert fake_abacus.Abacus.rows >= 500
        monkeypatch.setenv(choose.ENVIRONMENT, "abacus")
        assert Baler(model).encode(rows[:500]) == frame
    monkeypatch.delenv(choose.ENVIRONMENT)
    assert frame == Baler(model).encode(rows[:500])


def test_those_that_cannot_run_say_why(installed):
    found = available()
    assert found["abacus"] is None and found["native"] is None  # our names are ours
    assert found["away"] == "nobody is at the abacus"
    assert "does not load (ModuleNotFoundError" in (found["broken"] or "")
    assert "does not load (OSError: fell off the table)" in (found["falls"] or "")
    assert "fake_abacus:NOT_ONE is no class derived from" in (found["number"] or "")


@pytest.mark.parametrize("name", ["away", "broken", "falls", "number"])
def test_those_that_cannot_run_are_replaced(installed, jets, rows, name):
    model = jets.with_bound("latent")
    with pytest.warns(EncoderFallbackWarning, match=f"{name!r} cannot run here"):
        assert Baler(model, encoder=name).encode(rows[:50]) == Baler(model).encode(rows[:50])


def test_the_command_lists_encoders_and_reasons(installed, capsys):
    assert run(["encoders", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == available()
    assert run(["encoders"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["native", "runs", "here"] for line in lines)
    assert any(line.startswith("away") and "nobody is at the abacus" in line for line in lines)
