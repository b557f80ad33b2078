"""``python -m firmware.bitstream FOLDER OUT``: the overlay of an encoder for a PYNQ board, with AMD's tools.

FOLDER is what ``python -m firmware`` wrote (Verilog) or ``python -m firmware.hls`` with the backend Vitis; both get the
same streams, so the encoder `pynq` drives either. OUT gets encoder.bit, encoder.hwh, encoder.json and Vivado's reports.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from baler_codec.encoders.pynq_overlay import Overlay
from baler_codec.encoders.spec import EncoderSpec
from baler_codec.errors import BalerError, ConfigError

from .design import LANES

_VENDOR = Path(__file__).with_name("vendor")


@dataclass(frozen=True)
class Target:
    """A board: its part, and which processing system it has."""

    part: str
    family: str  # zynq or zynqmp


BOARDS = {
    "pynq-z2": Target("xc7z020clg400-1", "zynq"),
    "zcu104": Target("xczu7ev-ffvc1156-2-e", "zynqmp"),
    "kv260_som": Target("xck26-sfvc784-2LV-c", "zynqmp"),
}


class VendorToolError(BalerError):
    """A vendor's tool is missing or failed."""


def bitstream(folder: Path, out: Path, *, board: str = "pynq-z2", lanes: int = LANES, mhz: int = 100) -> Overlay:
    """Build an overlay and describe it.

    Parameters
    ----------
    folder : Path
        A design (encoder_stream.v, spec.json) or an hls4ml project of the backend Vitis (firmware/, spec.json).
    out : Path
        Where the tools work, and the overlay's files go.
    board : str
        One of `BOARDS`.
    lanes : int
        16-bit values in a beat; for Verilog those that it was generated with.
    mhz : int
        Clock of the circuit and the DMA.

    Raises
    ------
    VendorToolError
        If a tool is missing, fails, or misses the clock.
    """
    verilog = (folder / "encoder_stream.v").exists()
    if not verilog and not (folder / "firmware" / "encoder.cpp").exists():
        raise ConfigError(f"{folder} holds neither encoder_stream.v nor firmware/encoder.cpp: generate one first")
    if verilog and f"[{16 * lanes - 1}:0] s_axis_tdata" not in (folder / "encoder_stream.v").read_text():
        raise ConfigError(f"the streams of {folder} do not have {lanes} lanes: say how many with --lanes")
    spec = EncoderSpec.from_json((folder / "spec.json").read_text())
    target = BOARDS[board]
    out.mkdir(parents=True, exist_ok=True)
    settings = {
        "folder": folder.resolve(),
        "kind": "verilog" if verilog else "hls",
        "board": board,
        "part": target.part,
        "family": target.family,
        "inputs": len(spec.inputs),
        "latents": len(spec.latents),
        "lanes": lanes,
        "mhz": mhz,
        "period": 1000 / mhz,
    }
    (out / "settings.tcl").write_text("".join(f"set {name} {{{value}}}\n" for name, value in settings.items()))
    if not verilog:
        _hls(out)
    _run(["vivado", "-mode", "batch", "-nojournal", "-source", str(_VENDOR / "overlay.tcl")], out)
    overlay = Overlay(out / "encoder.bit", spec.id, lanes)
    overlay.describe()
    return overlay


def _hls(out: Path) -> None:
    script = str(_VENDOR / "hls.tcl")
    old = ["vitis_hls", "-f", script]
    _run(old if shutil.which("vitis_hls") else ["vitis-run", "--mode", "hls", "--tcl", script], out)


def _run(command: list[str], folder: Path) -> None:
    tool = shutil.which(command[0])
    if tool is None:
        raise VendorToolError(f"{command[0]} is not on the path: install AMD's Vivado and Vitis, source settings64.sh")
    done = subprocess.run([tool, *command[1:]], cwd=folder, capture_output=True, text=True)
    (folder / f"{command[0]}.out").write_text(done.stdout + done.stderr)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise VendorToolError(f"{command[0]} failed:\n{tail}")


def main() -> None:
    """Build an overlay."""
    parser = argparse.ArgumentParser(prog="python -m firmware.bitstream", description=__doc__)
    parser.add_argument("folder", type=Path, help="what python -m firmware or python -m firmware.hls wrote")
    parser.add_argument("out", type=Path, help="where the overlay goes")
    parser.add_argument("--board", choices=BOARDS, default="pynq-z2")
    parser.add_argument("--lanes", type=int, default=LANES, help="16-bit values in a beat of the streams")
    parser.add_argument("--mhz", type=int, default=100, help="clock of the circuit and the DMA")
    words = parser.parse_args()
    overlay = bitstream(words.folder, words.out, board=words.board, lanes=words.lanes, mhz=words.mhz)
    print(f"{overlay.bitstream}, with .hwh and .json: BALER_PYNQ_BITSTREAM={overlay.bitstream}")


if __name__ == "__main__":
    main()
