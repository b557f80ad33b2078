import sys
from pathlib import Path

import numpy as np
import pytest

from baler_codec import load
from baler_codec.encoders import EncoderSpec

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance_models import chance_model
from models import LATENT


@pytest.fixture(scope="session")
def jets():
    """The shipped model with an autoencoder."""
    return load("cms_jets_ae")


@pytest.fixture(scope="session")
def rows():
    """Some of the jets that ship."""
    import baler_codec

    with np.load(Path(baler_codec.__file__).parent / "data" / "cms_jets_20k.npz") as archive:
        table = archive["data"]
    return np.ascontiguousarray(table, np.float32)


@pytest.fixture(params=range(6), ids=lambda seed: f"chance-{seed}")
def chance(request):
    """Models by chance."""
    return chance_model(request.param)


@pytest.fixture
def vectors():
    """Rows for an encoder: by chance over the whole range, all extremes of single inputs, all greatest, all least."""

    def make(spec: EncoderSpec, n: int = 40_000) -> np.ndarray:
        rng = np.random.default_rng(7)
        low, high = spec.low, spec.high
        chance = rng.integers(low, high + 1, (n // 2, len(low)))
        edges = np.where(rng.random((n // 4, len(low))) < 0.5, low, high)
        near = np.clip(np.rint(rng.normal(0, 3000, (n - n // 2 - n // 4, len(low)))), low, high)
        single = np.concatenate([np.diag(low), np.diag(high)])
        return np.concatenate([chance, edges, near, single, [low, high, 0 * low]]).astype(np.int16)

    return make


@pytest.fixture(scope="session")
def encoder():
    """A small latent-only model with its specification, and a table for it."""
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    return model, EncoderSpec.of(model), table
