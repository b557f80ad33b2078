"""The files that make a bitstream usable by the encoder `pynq`.

``python -m firmware.board_overlay ENCODER.bit SPEC.json`` writes the description (.json) that goes beside a bitstream.
With ``--emulated`` it writes a .bit that configures nothing and a least .hwh too, for the emulated board.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
from pathlib import Path

from baler_codec.encoders.pynq_overlay import Overlay
from baler_codec.encoders.spec import EncoderSpec

from .design import LANES

DMA_BASE = 0xA000_0000
LENGTH_BITS = 26


def emulated(bitstream: Path, spec: EncoderSpec, *, lanes: int = LANES, length_bits: int = LENGTH_BITS) -> Overlay:
    """Write the files of an overlay for the emulated board.

    Parameters
    ----------
    bitstream : Path
        The .bit file; the others get its name.
    spec : EncoderSpec
        The encoder.
    lanes : int
        16-bit values in a beat of the streams.
    length_bits : int
        Width of the DMA's length register: a transfer has fewer than 2^length_bits bytes.
    """
    hwh = _hwh(16 * lanes, length_bits)
    bitstream.with_suffix(".hwh").write_text(hwh)
    # pynq keeps what it has parsed under the hash of the .bit: other contents, another .bit
    bitstream.write_bytes(_bit(hashlib.sha512((hwh + spec.id).encode()).digest()))
    overlay = Overlay(bitstream, spec.id, lanes)
    overlay.describe()
    return overlay


def _bit(content: bytes) -> bytes:
    """Put the head of a .bit file before its content."""
    fields = {"a": "encoder;emulated", "b": "emulated", "c": "2026/01/01", "d": "00:00:00"}
    head = struct.pack(">H9xH", 9, 1)
    for key, text in fields.items():
        head += key.encode() + struct.pack(">H", len(text) + 1) + text.encode() + b"\0"
    return head + b"e" + struct.pack(">I", len(content)) + content


def _hwh(width: int, length_bits: int) -> str:
    """Describe a processing system with one clock and a DMA, in the form of Vivado's hand-off files."""
    clocks = {}
    for n in range(4):
        control = f"PSU__CRL_APB__PL{n}_REF_CTRL__"
        clocks[f"PSU__FPGA_PL{n}_ENABLE"] = int(n == 0)
        clocks |= {control + "DIVISOR0": 15, control + "DIVISOR1": 1, control + "ACT_FREQMHZ": 100}
        clocks[control + "SRCSEL"] = "IOPLL"
    dma = {
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": length_bits,
        "c_m_axis_mm2s_tdata_width": width,
        "c_s_axis_s2mm_tdata_width": width,
    }
    for way in ("mm2s", "s2mm"):
        dma |= {f"c_include_{way}": 1, f"c_include_{way}_dre": 0, f"c_m_axi_{way}_data_width": 64}
    memory = (
        f'<MEMORYMAP><MEMRANGE ADDRESSBLOCK="Reg" BASENAME="C_BASEADDR" BASEVALUE="{DMA_BASE:#x}" '
        f'HIGHNAME="C_HIGHADDR" HIGHVALUE="{DMA_BASE + 0xFFFF:#x}" INSTANCE="axi_dma_0" IS_DATA="TRUE" '
        'MASTERBUSINTERFACE="M_AXI_HPM0_FPD" MEMTYPE="REGISTER" SLAVEBUSINTERFACE="S_AXI_LITE"/></MEMORYMAP>'
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<EDKSYSTEM EDWVERSION="1.2" TIMESTAMP="Thu Jan  1 00:00:00 2026" VIVADOVERSION="emulated">
  <SYSTEMINFO ARCH="zynquplus" DEVICE="emulated" NAME="encoder"/>
  <EXTERNALPORTS/>
  <EXTERNALINTERFACES/>
  <MODULES>
    {_module("zynq_ultra_ps_e", "3.5", clocks, ("M_AXI_HPM0_FPD", "MASTER"), memory)}
    {_module("axi_dma", "7.1", dma, ("S_AXI_LITE", "SLAVE"))}
  </MODULES>
</EDKSYSTEM>
"""


def _module(kind: str, version: str, parameters: dict[str, object], bus: tuple[str, str], more: str = "") -> str:
    told = "".join(f'<PARAMETER NAME="{name}" VALUE="{value}"/>' for name, value in parameters.items())
    return (
        f'<MODULE FULLNAME="/{kind}_0" INSTANCE="{kind}_0" MODTYPE="{kind}" VLNV="xilinx.com:ip:{kind}:{version}">'
        f'<PARAMETERS>{told}</PARAMETERS><PORTS/><BUSINTERFACES><BUSINTERFACE NAME="{bus[0]}" TYPE="{bus[1]}" '
        f'VLNV="xilinx.com:interface:aximm:1.0"/></BUSINTERFACES>{more}</MODULE>'
    )


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(prog="python -m firmware.board_overlay", description=__doc__)
    parser.add_argument("bitstream", type=Path)
    parser.add_argument("spec", type=Path, help="spec.json of the circuit's folder")
    parser.add_argument("--lanes", type=int, default=LANES, help="16-bit values in a beat of the streams")
    parser.add_argument("--emulated", action="store_true", help="write the .bit and the .hwh of an emulated board too")
    arguments = parser.parse_args()
    spec = EncoderSpec.from_json(arguments.spec.read_text())
    if arguments.emulated:
        emulated(arguments.bitstream, spec, lanes=arguments.lanes)
    else:
        Overlay(arguments.bitstream, spec.id, arguments.lanes).describe()


if __name__ == "__main__":
    main()
