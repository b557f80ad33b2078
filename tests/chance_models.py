"""Models of random networks with an encoder, and tables they are for."""

import models as by_hand
import numpy as np

from baler_codec import Model


def chance_model(seed, columns=5, latents=3, kind=by_hand.ABS):
    """A model of random networks, with encoder, and a table it is for."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(3000, columns)).astype(np.float32)
    table[rng.random(table.shape) < 0.1] = 0.0
    bounds = [(kind, 1e-2 if kind == by_hand.ABS else 0.0)]
    return Model.from_bytes(by_hand.random_model(rng, table, bounds, latents).pack()), table
