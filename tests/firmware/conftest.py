import pytest

from baler_codec.encoders import choose


@pytest.fixture(scope="session")
def circuits(tmp_path_factory):
    """A cache folder for all tests: what is built once serves all."""
    return tmp_path_factory.mktemp("circuits")


@pytest.fixture
def cache(circuits, monkeypatch):
    """Circuits go there, and encoders are started anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(circuits))
    choose.encoder_of.cache_clear()
    yield
    choose.encoder_of.cache_clear()
