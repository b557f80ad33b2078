"""``python -m firmware MODEL FOLDER``: the Verilog of a model's encoder, or of a specification (spec.json)."""

from __future__ import annotations

import argparse
from pathlib import Path

from baler_codec import load
from baler_codec.encoders.spec import EncoderSpec

from .design import LANES, LEVELS, Design


def read_spec(source: str) -> EncoderSpec:
    """Read a specification (``*.json``), or take it out of a model."""
    if source.endswith(".json"):
        return EncoderSpec.from_json(Path(source).read_text())
    return EncoderSpec.of(load(source))


def main() -> None:
    """Write a design and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m firmware", description=__doc__)
    parser.add_argument("source", help="a model (file, id or name of a shipped one) or a specification (*.json)")
    parser.add_argument("folder", type=Path, help="where encoder.v, encoder_stream.v and spec.json go")
    parser.add_argument("--lanes", type=int, default=LANES, help="16-bit values in a beat of the streams")
    parser.add_argument("--levels", type=int, default=LEVELS, help="adders between two registers")
    arguments = parser.parse_args()
    design = Design.of(read_spec(arguments.source), lanes=arguments.lanes, levels=arguments.levels)
    design.write(arguments.folder)
    print(f"{design.adders} adders, {design.registers} bits of registers, {design.latency} cycles, a row every cycle")


if __name__ == "__main__":
    main()
