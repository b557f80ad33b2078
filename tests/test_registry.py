"""The registry: where models are looked for, and what is said when they are not there."""

import subprocess
import sys

import pytest

import baler_codec as baler
from baler_codec import Model, registry
from baler_codec.errors import BalerError, CorruptDataError, ModelNotFoundError

_counter = iter(range(1, 1000))


@pytest.fixture
def model():
    """A model that no other test has put anywhere."""
    return Model.bounds_only([f"abs={next(_counter) + 0.125}", "exact"])


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("BALER_MODEL_PATH", raising=False)


def find_in_fresh_process(model_id):
    code = "import sys, baler_codec; print(baler_codec.load(sys.argv[1]).id)"
    return subprocess.run([sys.executable, "-c", code, model_id], capture_output=True, text=True, timeout=60)


def test_a_model_file_is_loaded_by_its_path(model, tmp_path):
    model.save(tmp_path / "m.baler")
    assert baler.load(tmp_path / "m.baler") is model
    assert baler.load(str(tmp_path / "m.baler")) is model


def test_an_added_model_is_found_by_every_process(model):
    path = registry.add(model)
    assert path.name == model.id.removeprefix("sha256:") + ".baler"
    assert registry.is_installed(model.id)
    assert find_in_fresh_process(model.id).stdout.strip() == model.id


def test_a_model_on_the_model_path_is_found(model, tmp_path, monkeypatch):
    folder = tmp_path / "shared"
    folder.mkdir()
    model.save(folder / f"{model.id.removeprefix('sha256:')}.baler")
    monkeypatch.setenv("BALER_MODEL_PATH", f"{tmp_path / 'absent'}:{folder}")
    assert find_in_fresh_process(model.id).stdout.strip() == model.id


def test_a_missing_model_names_every_place_and_the_cure(tmp_path, monkeypatch):
    monkeypatch.setenv("BALER_MODEL_PATH", str(tmp_path / "shared"))
    with pytest.raises(ModelNotFoundError) as caught:
        baler.load("sha256:" + "0" * 64)
    message = str(caught.value)
    for part in ("0" * 64, str(tmp_path / "shared"), str(tmp_path / "data"), "native library", "baler models add FILE"):
        assert part in message
    assert isinstance(caught.value, LookupError) and isinstance(caught.value, BalerError)


def test_a_wrong_file_under_the_right_name_is_not_believed(model, tmp_path, monkeypatch):
    wanted = "ab" * 32
    model.save(tmp_path / f"{wanted}.baler")
    monkeypatch.setenv("BALER_MODEL_PATH", str(tmp_path))
    with pytest.raises(ModelNotFoundError, match="holds another model"):
        registry.find("sha256:" + wanted)
    (tmp_path / f"{wanted}.baler").write_bytes(b"BALERMDLxx")
    with pytest.raises(ModelNotFoundError, match="is damaged"):
        registry.find("sha256:" + wanted)


def test_names_are_found_and_unknown_names_list_the_known(model):
    registry.add(model, name="jets_2026")
    assert baler.load("jets_2026") is model
    with pytest.raises(ModelNotFoundError, match=r"jets_2025.*jets_2026"):
        baler.load("jets_2025")
    with pytest.raises(BalerError, match="letters"):
        registry.add(model, name="../x")


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "broken.baler").write_bytes(b"BALERMDL")
    with pytest.raises(CorruptDataError, match=r"broken\.baler"):
        baler.load(tmp_path / "broken.baler")


def test_a_missing_file_is_named():
    with pytest.raises(ModelNotFoundError, match=r"gone\.baler"):
        baler.load("gone.baler")


def test_the_list_has_what_was_added(model):
    path = registry.add(model)
    assert registry.list_models()[str(path)] is model


def test_a_registered_model_reaches_the_native_cache(model):
    from baler_codec import native

    registry.register(model)
    assert native.cache_get(bytes.fromhex(model.id.removeprefix("sha256:"))) == bytes(model)
    assert native.cache_get(bytes(32)) is None
