"""hls4ml's C simulation computes the specification on every integer, with both strategies; else it is refused."""

import hashlib
import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from chance_models import chance_model
from models import LATENT

from baler_codec import Baler
from baler_codec.encoders import EncoderFallbackWarning, EncoderSpec, available, choose
from baler_codec.encoders._cache import BuildError
from baler_codec.encoders.hls4ml_graph import ACCELERATOR, DISTRIBUTED, HlsOptions
from baler_codec.encoders.hls4ml_simulation import HlsSimulation, check, write_project
from baler_codec.encoders.spec import Layer
from baler_codec.errors import ConfigError

sys.path.append(str(Path(__file__).parents[2]))  # firmware/ is of the checkout, not of the package

import firmware
from firmware.chance import chance_spec

VARIANTS = [HlsOptions(), HlsOptions(strategy=DISTRIBUTED), HlsOptions(backend=ACCELERATOR)]


def needs(options):
    reason = available()["hls4ml-da" if options.strategy == DISTRIBUTED else "hls4ml"]
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        choose.encoder_of.cache_clear()
        yield
    choose.encoder_of.cache_clear()


def awkward_spec():
    """Shifts by output, slopes or none, a last layer that reads the inputs, limits that are no powers of two."""
    spec = chance_spec((7, 6, 5, 4), 7, spikes=2, density=0.8, skip=True)
    a, b, c = spec.layers
    layers = (
        Layer(a.weight, a.bias, a.shift - np.arange(6), 1),
        Layer(b.weight, b.bias, b.shift * 0 + 7, 0),
        Layer(c.weight, c.bias, c.shift - [0, 3, 1, 2], 0),
    )
    return EncoderSpec(spec.inputs, spec.columns, layers, True, ((-323, 334), (-5, 9), (120, 3000), (3, 3)))


@pytest.mark.parametrize("options", VARIANTS, ids=lambda o: f"{o.backend}-{o.strategy}")
def test_the_simulation_is_the_specification_on_forty_thousand_rows(options, vectors, tmp_path):
    needs(options)
    spec = awkward_spec()
    rows = vectors(spec)
    wanted = spec.run(rows)
    assert len(rows) > 40_000 and len(np.unique(wanted)) > 1000
    for latent, (low, high) in zip(wanted.T[:3], spec.latents, strict=False):
        assert {low, high, low + 1, high - 1} <= set(latent.tolist())
    write_project(spec, options, tmp_path)
    assert np.array_equal(HlsSimulation(spec, options, tmp_path).run(rows), wanted)


@pytest.mark.parametrize("name", ["jets", "jets16"])
def test_the_committed_circuits_are_the_same_in_hls4ml(name, vectors):
    needs(HlsOptions())
    spec = EncoderSpec.from_json((Path(firmware.__file__).parent / "rtl" / name / "spec.json").read_text())
    rows = vectors(spec)
    assert np.array_equal(HlsSimulation(spec, HlsOptions()).run(rows), spec.run(rows))


@pytest.mark.parametrize("name", ["hls4ml", "hls4ml-da"])
def test_chunks_of_hls4ml_are_those_of_the_library(name):
    if available()[name] is not None:
        pytest.skip(available()[name])
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    table[3, 1] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no fall back
        frames = [Baler(model, encoder=encoder).encode(table) for encoder in ("native", name)]
    assert len({hashlib.sha256(frame).hexdigest() for frame in frames}) == 1


def test_a_project_that_computes_something_else_is_refused(tmp_path):
    needs(HlsOptions())
    spec = chance_spec((3, 2), 4)
    write_project(spec, HlsOptions(), tmp_path)
    other = EncoderSpec(spec.inputs, spec.columns, spec.layers, spec.skip, ((-4000, 4000), (-4000, 3999)))
    with pytest.raises(BuildError, match=rf"rows of the C simulation differ from {other.id}"):
        check(other, HlsOptions(), tmp_path)


def test_a_library_is_built_once(monkeypatch):
    needs(HlsOptions())
    spec = chance_spec((3, 2), 4)
    HlsSimulation(spec, HlsOptions())
    monkeypatch.setattr("baler_codec.encoders.hls4ml_simulation._build", None)
    assert HlsSimulation(spec, HlsOptions()).run(np.zeros((0, 3))).shape == (0, 2)
    with pytest.raises(BuildError, match="3 inputs"):
        HlsSimulation(spec, HlsOptions()).run(np.zeros((2, 4)))


def test_what_hls4ml_cannot_hold_is_refused_by_name(tmp_path):
    needs(HlsOptions())
    spec = chance_spec((3, 2), 8)
    first = spec.layers[0]
    uneven = Layer(first.weight, first.bias, np.array([0, 30]), 0)
    wide = EncoderSpec(spec.inputs, spec.columns, (uneven,), False, spec.latents)
    with pytest.raises(ConfigError, match="shifts from 0 to 30"):
        write_project(wide, HlsOptions(), tmp_path)
    with pytest.raises(ConfigError, match="bits set, 10000 are the most"):
        write_project(chance_spec((60, 80, 60), 8), HlsOptions(strategy=DISTRIBUTED), tmp_path)
    with pytest.raises(ConfigError, match="no distributed arithmetic for VivadoAccelerator"):
        HlsOptions(backend=ACCELERATOR, strategy=DISTRIBUTED)
    with pytest.raises(ConfigError, match=r"'Quartus'.*Vitis, VivadoAccelerator"):
        HlsOptions(backend="Quartus")


def test_without_hls4ml_the_native_encoder_writes_and_says_so(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "hls4ml" else found(name, *a))
    assert "pip install 'baler-codec[fpga]'" in (available()["hls4ml"] or "")
    model, table = chance_model(15, columns=3, latents=2, kind=LATENT)
    with pytest.warns(EncoderFallbackWarning, match="hls4ml is not installed"):
        frame = Baler(model, encoder="hls4ml").encode(table)
    assert frame == Baler(model).encode(table)


def test_naming_the_backends_imports_no_framework():
    heavy = ["hls4ml", "da4ml", "torch"]
    code = f"import sys, baler_codec.encoders as e; e.available(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
