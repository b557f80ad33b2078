"""Every backend gives the same integers, and the frames of an encoder are the native library's."""

import pickle
import warnings

import numpy as np
import pytest
from chance_models import chance_model
from models import LATENT

from baler_codec import Baler, Model, native
from baler_codec.encoders import EncoderBackend, EncoderFallbackWarning, EncoderSpec, LatentEncoder, available, choose
from baler_codec.errors import ConfigError, CorruptDataError, ModelInvalidError, UnsupportedVersionError

FAST = ["reference", "native", "torch"]


@pytest.fixture(params=FAST)
def backend(request):
    reason = available()[request.param]
    if reason is not None:
        pytest.skip(reason)
    return choose._BACKENDS[request.param]


def test_the_shipped_encoder_is_the_same_everywhere(jets, backend, vectors):
    spec = EncoderSpec.of(jets)
    inputs = vectors(spec)
    assert len(inputs) > 40_000
    assert np.array_equal(backend(spec, jets).encode(inputs), spec.run(inputs))


def test_encoders_by_chance_are_the_same_everywhere(chance, backend, vectors):
    model, _ = chance
    spec = EncoderSpec.of(model)
    inputs = vectors(spec, 8000)
    latents = spec.run(inputs)
    assert np.array_equal(backend(spec, model).encode(inputs), latents)


def test_quantised_values_are_those_of_the_library(chance):
    model, table = chance
    table = table.copy()
    table[:7, 0] = [np.nan, np.inf, -np.inf, -0.0, 1e30, -1e30, 1e-40]
    model = model.with_bound("latent")
    spec = EncoderSpec.of(model)
    assert np.array_equal(spec.quantise(table), model.native().encoder_inputs(table, len(spec.inputs)))


def test_latents_of_the_specification_are_those_of_the_library(jets, rows):
    model = jets.with_bound("latent")
    spec = EncoderSpec.of(model)
    wanted = model.native().encode_latents(rows)
    assert np.array_equal(spec.run(spec.quantise(rows)), wanted)
    assert len(np.unique(wanted[:, 0])) > 20


@pytest.mark.parametrize("name", ["reference", "torch"])
@pytest.mark.parametrize("bound", [None, "latent"])
def test_frames_do_not_depend_on_the_encoder(jets, rows, name, bound):
    if available()[name] is not None:
        pytest.skip(available()[name])
    model = jets if bound is None else jets.with_bound(bound)
    table = rows[:3000].copy()
    table[5, 3] = np.nan
    table[-40:] = table[-41]  # padding
    for array in (table, np.asfortranarray(table), table.astype(">f4"), table.astype("f8")):
        assert Baler(model, encoder=name).encode(array) == Baler(model).encode(array)


def test_a_bounded_frame_of_an_autoencoder_is_the_same_with_another_encoder():
    # small tables keep the built-in coder's frame; the library is asked for the model's by way of many rows
    modes = set()
    for seed in range(8):
        model, table = chance_model(seed)
        frame = Baler(model, encoder="reference").encode(table)
        assert frame == Baler(model).encode(table)
        modes.add(native.frame_info(np.frombuffer(frame, np.uint8)).mode)
    model, table = chance_model(1, kind=LATENT)
    frame = Baler(model, encoder="reference").encode(table)
    assert frame == Baler(model).encode(table)
    assert native.frame_info(np.frombuffer(frame, np.uint8)).mode == "latent"


def test_the_environment_names_the_encoder(jets, rows, monkeypatch):
    calls = []
    monkeypatch.setattr(choose.LatentEncoder, "latents", lambda self, table: calls.append(self.name))
    monkeypatch.setenv(choose.ENVIRONMENT, "reference")
    Baler(jets).encode(rows[:10])
    assert calls == ["reference"]
    Baler(bound="abs=1").encode(rows[:10])  # nothing to encode: not asked
    Baler("cms_jets").encode(rows[:10])
    assert calls == ["reference"]


def test_the_configuration_does_not_hold_the_encoder_but_a_pickle_does(jets, rows):
    codec = Baler(jets, encoder="reference")
    assert codec.get_config() == Baler(jets).get_config()
    assert pickle.loads(pickle.dumps(codec))._encoder == "reference"


class Wrong(EncoderBackend):
    name = "wrong"

    def encode(self, inputs):
        return self.spec.run(inputs) + 1


class Breaks(EncoderBackend):
    name = "breaks"
    rows = 0

    def encode(self, inputs):
        self.rows += len(inputs)
        if self.rows > 300:
            raise TimeoutError("no answer")
        return self.spec.run(inputs)


class Missing(EncoderBackend):
    name = "missing"

    @classmethod
    def unavailable(cls):
        return "no board is connected"

    def encode(self, inputs):
        raise AssertionError("it cannot run")


@pytest.mark.parametrize(
    "kind, said",
    [(Wrong, "computes other latents"), (Missing, "no board is connected"), (Breaks, "TimeoutError: no answer")],
)
def test_what_fails_is_told_and_replaced_by_the_native_encoder(jets, rows, monkeypatch, kind, said):
    monkeypatch.setitem(choose._BACKENDS, kind.name, kind)
    model = jets.with_bound("latent")
    with pytest.warns(EncoderFallbackWarning, match=said):
        encoder = LatentEncoder(model, kind.name)
        assert encoder.latents(rows[:100]) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert encoder.latents(rows[:100]) is None
    choose.encoder_of.cache_clear()
    with pytest.warns(EncoderFallbackWarning, match=said):
        assert Baler(model, encoder=kind.name).encode(rows[:100]) == Baler(model).encode(rows[:100])


def test_unknown_encoders_and_models_without_one_are_refused_by_name(jets):
    with pytest.raises(ConfigError, match="no encoder is called 'abacus': there are native, reference"):
        Baler(jets, encoder="abacus")
    with pytest.raises(ConfigError, match="has no encoder network"):
        Baler("cms_jets", encoder="reference")
    with pytest.raises(ConfigError, match="needs a trained model"):
        Baler(bound="abs=1", encoder="reference")


def test_a_specification_survives_json_and_is_named_by_it(jets, chance):
    for model in (jets, chance[0]):
        spec = EncoderSpec.of(model)
        again = EncoderSpec.from_json(spec.to_json())
        assert again.to_json() == spec.to_json() and again.id == spec.id
        assert np.array_equal(again.run(again.golden_inputs()), spec.run(spec.golden_inputs()))
    assert EncoderSpec.of(jets).id != EncoderSpec.of(chance[0]).id
    # bounds are the decoder's: the encoder stays what it is
    assert EncoderSpec.of(jets.with_bound("latent")).id == EncoderSpec.of(jets).id


def test_damaged_specifications_are_refused(jets):
    text = EncoderSpec.of(jets).to_json()
    with pytest.raises(UnsupportedVersionError, match="specification 2"):
        EncoderSpec.from_json(text.replace('"baler_encoder":1', '"baler_encoder":2'))
    for damaged in ("", "[]", "{}", text[:-9], text.replace('"shift"', '"shaft"')):
        with pytest.raises(CorruptDataError):
            EncoderSpec.from_json(damaged)
    with pytest.raises(ModelInvalidError):
        EncoderSpec.from_json(text.replace('"skip":true', '"skip":false'))


def test_reading_needs_no_encoders(tmp_path, jets, rows):
    import subprocess
    import sys

    np.save(tmp_path / "frame.npy", np.frombuffer(Baler(jets).encode(rows[:100]), np.uint8))
    code = (
        "import sys, numpy as np, baler_codec\n"
        f"baler_codec.Baler('cms_jets_ae').decode(np.load(r'{tmp_path / 'frame.npy'}'))\n"
        "print([m for m in sys.modules if m.startswith('baler_codec.encoders')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_models_are_of_one_kind_with_their_specification(jets):
    assert isinstance(jets, Model)
    assert len(EncoderSpec.of(jets).latents) == jets.latents
