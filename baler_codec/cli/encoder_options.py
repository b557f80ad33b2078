"""What ``baler train --encoder fpga --encoder-size …`` says."""

from __future__ import annotations

from typing import Any

from ..errors import BalerError

NUMBERS = ("weight_bits", "input_bits", "activation_bits", "adders")
EXAMPLE = "hidden=20:10,weight_bits=6,adders=600"


def encoder_options(kind: str | None, size: str | None) -> dict[str, Any] | None:
    """Return the arguments of `baler_codec.training.FpgaEncoder`; None for the usual encoder."""
    if kind is None:
        if size is not None:
            raise BalerError("--encoder-size is for --encoder fpga")
        return None
    if kind != "fpga":
        raise BalerError(f'--encoder is "fpga", or not given for the usual one, not {kind!r}')
    found: dict[str, Any] = {}
    for part in size.split(",") if size else ():
        name, _, value = part.partition("=")
        numbers = value.split(":")
        if not all(n.isdecimal() for n in numbers) or not (name == "hidden" or (name in NUMBERS and len(numbers) == 1)):
            raise BalerError(f"--encoder-size holds parts of {EXAMPLE} (and {', '.join(NUMBERS)}), not {part!r}")
        found[name] = tuple(map(int, numbers)) if name == "hidden" else int(value)
    return found
