"""``python -m firmware.hls MODEL FOLDER``: the hls4ml project of a model's encoder, or of a specification (spec.json).

Its C simulation is compiled and compared with the specification before anything is said about it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from baler_codec.encoders.hls4ml_graph import BACKENDS, STRATEGIES, HlsOptions
from baler_codec.encoders.hls4ml_simulation import check, write_project

from .__main__ import read_spec


def main(words: list[str] | None = None) -> None:
    """Write a project and check it."""
    usual = HlsOptions()
    parser = argparse.ArgumentParser(prog="python -m firmware.hls", description=__doc__)
    parser.add_argument("source", help="a model (file, id or name of a shipped one) or a specification (*.json)")
    parser.add_argument("folder", type=Path, help="where the project goes")
    parser.add_argument("--backend", choices=BACKENDS, default=usual.backend)
    parser.add_argument("--strategy", choices=STRATEGIES, default=usual.strategy)
    parser.add_argument("--part", default=usual.part, help="for Vitis")
    parser.add_argument("--board", default=usual.board, help="for VivadoAccelerator, which knows its part")
    parser.add_argument("--clock", type=float, default=usual.clock, help="period in ns")
    parser.add_argument("--unchecked", action="store_true", help="do not compile the C simulation")
    arguments = parser.parse_args(words)
    spec = read_spec(arguments.source)
    options = HlsOptions(arguments.backend, arguments.strategy, arguments.part, arguments.board, arguments.clock)
    write_project(spec, options, arguments.folder)
    (arguments.folder / "spec.json").write_text(spec.to_json() + "\n")
    if arguments.unchecked:
        print(f"{options.backend}, {options.strategy}: written, NOT compared with {spec.id}")
    else:
        rows = check(spec, options, arguments.folder)
        print(f"{options.backend}, {options.strategy}: the C simulation gives the latents of {spec.id} for {rows} rows")


if __name__ == "__main__":
    main()
