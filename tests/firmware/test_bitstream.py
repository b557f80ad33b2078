"""What vendors' tools are given: scripts that run to their end, and a stream round hls4ml's encoder as the Verilog's.

The tools themselves are not here: an interpreter that knows the names of their commands stands for them.
"""

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import firmware
from baler_codec.encoders import available
from baler_codec.encoders.hls4ml_graph import HlsOptions
from baler_codec.encoders.hls4ml_simulation import write_project
from baler_codec.encoders.pynq_overlay import Overlay
from baler_codec.errors import ConfigError
from firmware.bitstream import BOARDS, VendorToolError, bitstream
from firmware.chance import chance_spec
from firmware.design import Design

STUB = Path(__file__).parent / "vendor_stub"
VENDOR = Path(firmware.__file__).parent / "vendor"
SPEC = chance_spec((5, 4, 3), 4, spikes=1)
needs_tcl = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Commands by the names of the vendor's."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("vivado", "vitis_hls"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nfor last; do :; done\nexec tclsh "{STUB / "vendor.tcl"}" "$last"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def made(folder, kind):
    """What a design, or an hls4ml project, has of files that the scripts name."""
    if kind == "verilog":
        Design.of(SPEC).write(folder)
    else:
        (folder / "firmware").mkdir(parents=True)
        (folder / "firmware" / "encoder.cpp").touch()
        (folder / "spec.json").write_text(SPEC.to_json() + "\n")
    return folder


@needs_tcl
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kind", ["verilog", "hls"])
def test_an_overlay_has_one_dma_round_the_encoder_and_a_description(tmp_path, tools, kind, board):
    out = tmp_path / "out"
    overlay = bitstream(made(tmp_path / "design", kind), out, board=board, mhz=150)
    assert overlay == Overlay.of(out / "encoder.bit") == Overlay(out / "encoder.bit", SPEC.id, 4)
    calls = (out / "calls.txt").read_text().splitlines()
    cells = [line.split()[-1] for line in calls if line.startswith("create_bd_cell")]
    assert sorted(cells) == ["axi_dma_0", "control", "encoder_0", "memory", "ps", "rst"]
    pairs = [line.split()[1:] for line in calls if line.startswith("connect_bd_")]
    sinks = [to for _, to in pairs]
    assert len(set(sinks)) == len(sinks)  # nothing has two drivers
    assert ["axi_dma_0/M_AXIS_MM2S", "encoder_0/s_axis"] in pairs
    assert ["encoder_0/m_axis", "axi_dma_0/S_AXIS_S2MM"] in pairs
    assert {to.split("/")[0] for to in sinks} == set(cells)
    (dma,) = [line for line in calls if "c_include_sg 0" in line]
    assert "c_m_axis_mm2s_tdata_width 64" in dma and "c_sg_length_width 26" in dma
    assert any("FREQMHZ 150" in line for line in calls)
    if kind == "hls":
        (flags,) = [line for line in calls if "encoder_stream.cpp" in line]
        assert "-DINPUTS=5 -DLATENTS=3 -DLANES=4" in flags
        assert any(line.startswith("create_clock -period 6.66") for line in calls)
        assert calls.index("csynth_design") < calls.index(next(c for c in calls if c.startswith("create_project")))


@needs_tcl
def test_a_missed_clock_and_a_missing_board_stop_with_words(tmp_path, tools, monkeypatch):
    folder = made(tmp_path / "design", "verilog")
    monkeypatch.setenv("WNS", "-0.5")
    with pytest.raises(VendorToolError, match=r"the clock of 100 MHz is missed by 0.5 ns"):
        bitstream(folder, tmp_path / "slow")
    assert not (tmp_path / "slow" / "encoder.bit").exists()
    monkeypatch.setenv("NO_BOARD", "1")
    with pytest.raises(VendorToolError, match=r"no files of the board pynq-z2"):
        bitstream(folder, tmp_path / "none")


def test_without_the_tools_or_a_design_it_says_what_is_missing(tmp_path, monkeypatch):
    folder = made(tmp_path / "design", "verilog")
    with pytest.raises(ConfigError, match="do not have 8 lanes"):
        bitstream(folder, tmp_path / "out", lanes=8)
    with pytest.raises(ConfigError, match=r"neither encoder_stream.v nor"):
        bitstream(tmp_path, tmp_path / "out")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(VendorToolError, match="vivado is not on the path"):
        bitstream(folder, tmp_path / "out")


@pytest.mark.parametrize("lanes", [2, 4])
def test_the_stream_round_hls4mls_encoder_is_that_of_the_circuit(tmp_path, lanes):
    if available()["hls4ml"] is not None:
        pytest.skip(available()["hls4ml"])
    write_project(SPEC, HlsOptions(), tmp_path)
    headers = tmp_path / "firmware"
    inputs, latents = len(SPEC.inputs), len(SPEC.latents)
    sources = [VENDOR / "encoder_stream.cpp", headers / "encoder.cpp", STUB / "stream_rows.cpp"]
    places = [f"-I{place}" for place in (headers, headers / "ap_types", STUB)]
    numbers = [f"-DINPUTS={inputs}", f"-DLATENTS={latents}", f"-DLANES={lanes}"]
    command = ["g++", "-std=c++14", "-O0", "-fPIC", "-shared", "-w", *places, *numbers, *map(str, sources)]
    subprocess.run([*command, "-o", str(tmp_path / "stream.so")], check=True)
    rows = SPEC.golden_inputs()
    beats, out_beats = -(-inputs // lanes), -(-latents // lanes)
    sent = np.zeros((len(rows), beats * lanes), np.int16)
    sent[:, :inputs] = rows
    ends = np.arange(len(rows)) % 7 == 6  # packets of seven rows
    last = np.zeros((len(rows), beats), np.uint8)
    last[:, -1] = ends
    out = np.empty((len(rows), out_beats * lanes), np.int16)
    out_last = np.empty((len(rows), out_beats), np.uint8)
    call = ctypes.CDLL(str(tmp_path / "stream.so")).stream_rows
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    call.restype, call.argtypes = number, [pointer, pointer, number, number, pointer, pointer]
    done = call(sent.ctypes.data, last.ctypes.data, last.size, len(rows), out.ctypes.data, out_last.ctypes.data)
    assert done == out_last.size
    assert np.array_equal(out[:, :latents], SPEC.run(rows)) and not out[:, latents:].any()
    assert np.array_equal(out_last[:, -1], ends) and not out_last[:, :-1].any()


def test_pragmas_and_ports_have_the_names_that_the_overlay_connects():
    text = (VENDOR / "encoder_stream.cpp").read_text()
    assert set(re.findall(r"INTERFACE axis port=(\w+)", text)) == {"s_axis", "m_axis"}
    assert "ap_ctrl_none port=return" in text
