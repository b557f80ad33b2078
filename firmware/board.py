"""``python -m firmware.board SPEC.json``: an emulated board. pynq's client finds it by PYNQ_REMOTE_DEVICES=ADDRESS.

The circuit behind its DMA is the generated Verilog of the specification, simulated. It needs a Python with pynq and
numcodecs. A line on standard input asks for its figures; the end of the input ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from baler_codec.encoders.spec import EncoderSpec

from .board_dma import AxiDma, Memory
from .design import LANES, Design
from .simulation import Simulation

FAULTS = {
    "wrong": "latents are those of another circuit",
    "silent": "no latents come back",
    "short": "the packet of latents ends a row early",
    "gone": "the board's process ends",
}


class Circuit:
    """The stream side: packets of rows in, packets of latents out.

    Parameters
    ----------
    simulation : Simulation
        The circuit.
    fault : str, optional
        One of `FAULTS`.
    after : int
        Rows that are computed well before it shows.
    """

    def __init__(self, simulation: Simulation, fault: str | None = None, after: int = 0) -> None:
        self._simulation, self._fault, self._after = simulation, fault, after
        design = simulation.design
        sizes = len(design.spec.inputs), len(design.spec.latents)
        self._row_in, self._row_out = (-(-n // design.lanes) * design.lanes for n in sizes)
        self.figures = {"transfers": 0, "rows": 0, "cycles": 0}

    def __call__(self, packet: bytes) -> bytes | None:
        """Compute the latents of a packet; None where the circuit would wait for the rest of a row."""
        if len(packet) % (2 * self._row_in):
            return None
        rows = np.frombuffer(packet, "<i2").reshape(-1, self._row_in)
        run = self._simulation.run(rows[:, : len(self._simulation.design.spec.inputs)])
        self.figures["transfers"] += 1
        self.figures["rows"] += len(rows)
        self.figures["cycles"] += run.cycles
        latents = np.zeros((len(rows), self._row_out), "<i2")
        latents[:, : run.latents.shape[1]] = run.latents
        fault = self._fault if self.figures["rows"] > self._after else None
        if fault == "gone":
            os._exit(1)
        if fault == "wrong":
            latents[:, 0] ^= 1
        if fault == "silent" or run.wrong_last:
            return None
        return latents[: len(rows) - (fault == "short")].tobytes()


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m firmware.board", description=__doc__)
    parser.add_argument("spec", type=Path, help="the encoder in the circuit (spec.json)")
    parser.add_argument("--address", default="127.0.0.1", help="of this machine; the port is pynq's")
    parser.add_argument("--lanes", type=int, default=LANES, help="16-bit values in a beat of the streams")
    parser.add_argument("--fault", choices=FAULTS, help="; ".join(f"{name}: {what}" for name, what in FAULTS.items()))
    parser.add_argument("--after", type=int, default=0, help="rows that are computed well before the fault shows")
    arguments = parser.parse_args()
    os.environ.pop("PYNQ_REMOTE_DEVICES", None)  # a board looks for none
    from .board_services import serve

    spec = EncoderSpec.from_json(arguments.spec.read_text())
    simulation = Simulation(Design.of(spec, lanes=arguments.lanes))
    circuit, memory = Circuit(simulation, arguments.fault, arguments.after), Memory()
    server = serve(arguments.address, AxiDma(memory, circuit), memory)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(circuit.figures), flush=True)
    server.stop(0).wait()


if __name__ == "__main__":
    main()
