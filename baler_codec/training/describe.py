"""What a model tells people about itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._version import __version__
from .prepare import Table


def origin(data: npt.NDArray[Any], licence: str | None) -> dict[str, Any]:
    """Say what a model comes from."""
    found = {
        "data_sha256": hashlib.sha256(np.ascontiguousarray(data).data).hexdigest(),
        "software": f"baler-codec {__version__}, torch {torch.__version__}, numpy {np.__version__}",
    }
    return found | ({"licence": licence} if licence else {})


def describe(
    data: npt.NDArray[Any],
    names: list[str],
    units: Mapping[str, str] | None,
    table: Table,
    provenance: Mapping[str, Any],
    licence: str | None,
) -> dict[str, Any]:
    """Describe a table's model: columns, ranges and provenance."""
    columns: list[dict[str, str]] = []
    for name in names:
        columns.append({"name": name, "dtype": data.dtype.str})
        if units and units.get(name):
            columns[-1]["unit"] = units[name]
    return {
        "columns": columns,
        "ranges": [[c.least, c.greatest] for c in table.columns],
        "provenance": {"rows": len(data), **provenance, **origin(data, licence)},
    }
