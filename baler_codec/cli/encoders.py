"""`baler encoders`."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def list_encoders(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """List what can compute the latents of an autoencoder here, and why the others cannot."""
    from ..encoders import available

    found = available()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    width = max(map(len, found))
    for name, reason in found.items():
        print(f"{name:{width}}  {'runs here' if reason is None else f'not here: {reason}'}")
