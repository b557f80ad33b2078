import io
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance_models import chance_model
from models import LATENT

import baler_codec
from baler_codec import stream


@pytest.fixture(scope="session")
def model():
    """A small model with an autoencoder, for rows of five columns."""
    return chance_model(17, kind=LATENT)[0]


@pytest.fixture(scope="session")
def rows():
    """1234 rows for it, some with what no autoencoder brings back."""
    table = chance_model(17, kind=LATENT)[1][:1234].copy()
    table[5, 1], table[6, 0], table[700, 4], table[1233, 2] = np.nan, np.inf, -np.inf, 1e30
    table[7, 3] = -0.0
    return table


@pytest.fixture(scope="session")
def jets():
    """Some of the jets that ship."""
    with np.load(Path(baler_codec.__file__).parent / "data" / "cms_jets_20k.npz") as archive:
        return np.ascontiguousarray(archive["data"][:9000], np.float32)


@pytest.fixture
def sent():
    """Send rows into memory: the bytes of the stream."""

    def make(*arguments, **options):
        pipe = io.BytesIO()
        options.setdefault("block_rows", 500)
        stream.send(*arguments[:1], pipe, *arguments[1:], **options)
        return pipe.getvalue()

    return make
