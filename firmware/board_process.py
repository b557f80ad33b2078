"""An emulated board as a process of its own; ``python -m firmware.board_process SPEC.json`` measures it.

BALER_PYNQ_PYTHON is the Python that has pynq and numcodecs, for the board and for its driver.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np

from baler_codec.encoders.pynq_backend import Board, Pynq
from baler_codec.encoders.pynq_driver import REMOTE
from baler_codec.encoders.pynq_worker import PYTHON
from baler_codec.encoders.spec import EncoderSpec

from .board_overlay import LENGTH_BITS, emulated

_ROOT = Path(__file__).parents[1]
# pynq knows one port alone: boards of this machine differ in their address
_ADDRESSES = (f"127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.{n}" for n in itertools.count(2))


def address() -> str:
    """Return an address of this machine that was not given out before."""
    return next(_ADDRESSES)


class BoardProcess:
    """An emulated board with the files of its overlay; ready for pynq when it has been made.

    Parameters
    ----------
    spec : EncoderSpec
        The encoder in its circuit.
    folder : Path
        Where the overlay ``encoder.bit`` goes.
    *arguments : str
        Further ones of ``python -m firmware.board``.
    length_bits : int
        Width of the length register of its DMA.
    """

    def __init__(self, spec: EncoderSpec, folder: Path, *arguments: str, length_bits: int = LENGTH_BITS) -> None:
        self.address, self.bitstream = address(), folder / "encoder.bit"
        emulated(self.bitstream, spec, length_bits=length_bits)
        told = folder / "spec.json"
        told.write_text(spec.to_json())
        command = [os.environ[PYTHON], "-m", "firmware.board", str(told), "--address", self.address, *arguments]
        # what PYTHONPATH and its like say to this Python is nothing for that one
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"PYTHONPATH": str(_ROOT)}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        if self._line() != "ready":
            self.close()
            raise RuntimeError(f"the emulated board did not start: {' '.join(command)}")

    def figures(self) -> dict[str, int]:
        """Return the transfers, rows and cycles so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        found: dict[str, int] = json.loads(self._line())
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)

    def __enter__(self) -> BoardProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def main() -> None:
    """Send rows through the emulated board and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m firmware.board_process", description=__doc__)
    parser.add_argument("spec", type=Path, help="the encoder (spec.json)")
    parser.add_argument("--rows", type=int, default=200_000)
    arguments = parser.parse_args()
    spec = EncoderSpec.from_json(arguments.spec.read_text())
    rows = np.random.default_rng(1).integers(spec.low, spec.high + 1, (arguments.rows, len(spec.low))).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder, BoardProcess(spec, Path(folder)) as board:
        os.environ[REMOTE] = board.address
        where = Board(str(board.bitstream), os.environ[PYTHON], seconds=600)
        backend = Pynq(spec, None, where)  # type: ignore[arg-type]  # a board asks its model nothing
        backend.encode(rows[:1000])
        before, start = board.figures(), time.perf_counter()
        latents = backend.encode(rows)
        seconds = time.perf_counter() - start
        after = board.figures()
    if not np.array_equal(latents, spec.run(rows)):
        raise SystemExit("the board gives other latents than the specification")
    took = {key: after[key] - before[key] for key in after}
    cycles = took["cycles"] / took["rows"]
    print(f"{len(rows) / seconds:,.0f} rows/s, {cycles:.3f} cycles a row, {took['transfers']} transfers, all equal")


if __name__ == "__main__":
    main()
