"""The encoder `pynq` without a board: what is said when something is missing or damaged, and who writes then."""

import json
import os
import sys
import tempfile
from dataclasses import replace

import pytest

from baler_codec import Baler
from baler_codec.encoders import EncoderFallbackWarning, choose, pynq_backend
from baler_codec.encoders.pynq_backend import Board, Pynq
from baler_codec.encoders.pynq_driver import (
    BitstreamNotFoundError,
    BoardBusyError,
    BoardError,
    ConnectionLostError,
    DmaError,
    WrongBitstreamError,
)
from baler_codec.encoders.pynq_overlay import Overlay

LANES = 4


@pytest.fixture
def overlay(encoder, tmp_path, monkeypatch):
    """The files of a bitstream, for a board that no other process of this machine knows of."""
    monkeypatch.delenv("PYNQ_REMOTE_DEVICES", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for kind in ("bit", "hwh"):
        (tmp_path / f"encoder.{kind}").write_bytes(b"any")
    made = Overlay(tmp_path / "encoder.bit", encoder[1].id, LANES)
    made.describe()
    return made


def test_a_bitstream_says_which_encoder_it_holds(overlay, encoder):
    model, spec, _ = encoder
    assert Overlay.of(overlay.bitstream) == overlay
    Overlay(overlay.bitstream, "sha256:0", LANES).describe()
    with pytest.raises(WrongBitstreamError, match="holds the encoder sha256:0, the model's is sha256:"):
        Pynq(spec, model, Board(str(overlay.bitstream)))


def test_descriptions_that_are_damaged_or_of_another_bitstream_are_refused(overlay):
    path = overlay.bitstream.with_suffix(".json")
    told = json.loads(path.read_text())
    for damaged in ("", "[]", "{}", json.dumps(told | {"lanes": 0}), json.dumps(told | {"baler_overlay": 2})):
        path.write_text(damaged)
        with pytest.raises(WrongBitstreamError, match="board_overlay"):
            Overlay.of(overlay.bitstream)
    path.write_text(json.dumps(told))
    overlay.bitstream.write_bytes(b"other")
    with pytest.raises(WrongBitstreamError, match="describes another bitstream"):
        Overlay.of(overlay.bitstream)
    for kind in ("json", "hwh", "bit"):
        overlay.bitstream.with_suffix(f".{kind}").unlink()
        with pytest.raises(BitstreamNotFoundError, match=rf"encoder\.{kind}"):
            Overlay.of(overlay.bitstream)


@pytest.fixture
def environment(overlay, monkeypatch):
    """What the environment says of a board; a Python may be given as the text of a shell script."""
    choose.encoder_of.cache_clear()
    monkeypatch.setenv("BALER_PYNQ_BITSTREAM", str(overlay.bitstream))

    def python(script):
        path = overlay.bitstream.with_name("python")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("BALER_PYNQ_PYTHON", str(path))

    yield python
    choose.encoder_of.cache_clear()


def test_what_is_missing_is_said_before_anything_is_started(environment, monkeypatch, tmp_path):
    monkeypatch.setenv("BALER_PYNQ_PYTHON", str(tmp_path / "none"))
    assert "none is no file" in Pynq.unavailable()
    environment("exit 1")
    assert Pynq.unavailable() is None
    monkeypatch.delenv("BALER_PYNQ_BITSTREAM")
    assert "BALER_PYNQ_BITSTREAM does not name a bitstream" in Pynq.unavailable()
    monkeypatch.delenv("BALER_PYNQ_PYTHON")
    monkeypatch.setattr(pynq_backend.importlib.util, "find_spec", lambda name: None)
    assert "pynq==4.0.0" in Pynq.unavailable()


@pytest.mark.parametrize(
    "script, seconds, said",
    [
        (
            "echo no numpy here >&2; exit 1",
            30.0,
            r"PynqMissingError: the process .* ended .*: no numpy here; python3 -m",
        ),
        ("exec sleep 60", 0.2, r"ConnectionLostError: the process that drives the board did not answer in 0\.2 s"),
    ],
)
def test_a_python_that_cannot_drive_a_board_is_replaced_by_the_native_encoder(
    environment, encoder, monkeypatch, script, seconds, said
):
    model, _, table = encoder
    environment(script)
    monkeypatch.setattr(pynq_backend, "_START", seconds)
    with pytest.warns(EncoderFallbackWarning, match=rf"does not start \({said}"):
        frame = Baler(model, encoder="pynq").encode(table)
    assert frame == Baler(model).encode(table)


def test_a_python_without_pynq_is_told_what_to_install(environment, encoder, monkeypatch):
    # in a process of this Python: it has numpy, but not the module in pynq's place
    if pynq_backend.importlib.util.find_spec("pynq") is not None:
        pytest.skip("this Python has pynq")
    monkeypatch.setenv("BALER_PYNQ_PYTHON", sys.executable)
    with pytest.warns(EncoderFallbackWarning, match=r"PynqMissingError: .* has no pynq .*; python3 -m venv"):
        Baler(encoder[0], encoder="pynq")


def echoing(monkeypatch, tmp_path, code):
    """A process in the driver's place that answers each message as `code` says."""
    path = tmp_path / "driver.py"
    path.write_text(
        "import sys\nfrom multiprocessing.connection import Connection\nhost = Connection(int(sys.argv[1]))\n"
        f"host.recv_bytes()\nhost.send_bytes(b'\\1')\nrows = host.recv_bytes()\n{code}\n"
    )
    monkeypatch.setattr(pynq_backend.driver, "__file__", str(path))


@pytest.mark.parametrize(
    "code, error",
    [
        ("host.send_bytes(b'\\1' + rows)", ConnectionLostError),
        ("host.send_bytes(bytes(1 << 22))", OSError),
        ('host.send_bytes(b\'\\0["DmaError", "it hurts"]\')', DmaError),
        ('host.send_bytes(b\'\\0["os", "what"]\')', BoardError),
        ("sys.exit(1)", ConnectionLostError),
    ],
)
def test_answers_of_another_length_or_kind_are_not_taken_for_latents(
    overlay, encoder, monkeypatch, tmp_path, code, error
):
    model, spec, _ = encoder
    echoing(monkeypatch, tmp_path, code)
    backend = Pynq(spec, model, Board(str(overlay.bitstream), sys.executable))
    with pytest.raises(error):
        backend.encode(spec.golden_inputs()[:10])
    with pytest.raises((BoardError, OSError)):  # and none is asked again
        backend.encode(spec.golden_inputs()[:10])


ECHO = "host.send_bytes(b'\\1' + rows[: len(rows) // 3])"  # 6 inputs, 2 latents


def test_models_with_one_encoder_share_the_board_and_all_others_are_refused(overlay, encoder, monkeypatch, tmp_path):
    model, spec, _ = encoder
    echoing(monkeypatch, tmp_path, ECHO)
    where = Board(str(overlay.bitstream), sys.executable)
    first, second = Pynq(spec, model, where), Pynq(spec, model, where)
    assert first._worker is second._worker
    with pytest.raises(BoardBusyError, match="another process, or another encoder of this one, uses the board here"):
        Pynq(spec, model, replace(where, seconds=9.0))
    monkeypatch.setenv("PYNQ_REMOTE_DEVICES", "127.0.0.9")
    elsewhere = Pynq(spec, model, where)
    assert elsewhere._worker is not first._worker
    monkeypatch.delenv("PYNQ_REMOTE_DEVICES")
    assert first.encode(spec.golden_inputs()[:10]).shape == (10, 2)
    del second
    with pytest.raises(BoardBusyError):
        Pynq(spec, model, replace(where, seconds=9.0))
    del first  # and the board is free
    assert Pynq(spec, model, replace(where, seconds=9.0))._worker.alive


def test_a_forked_process_does_not_take_its_parents_board(overlay, encoder, monkeypatch, tmp_path):
    model, spec, _ = encoder
    echoing(monkeypatch, tmp_path, "pass")
    backend = Pynq(spec, model, Board(str(overlay.bitstream), sys.executable))
    parent = os.getpid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: parent + 1)
        with pytest.raises(BoardError, match=f"belongs to process {parent}"):
            backend.encode(spec.golden_inputs()[:10])


def test_a_time_that_is_no_number_is_refused_by_name(environment, encoder, monkeypatch):
    environment("exit 1")
    monkeypatch.setenv("BALER_PYNQ_SECONDS", "soon")
    with pytest.warns(EncoderFallbackWarning, match="BALER_PYNQ_SECONDS='soon' is not a number"):
        Baler(encoder[0], encoder="pynq")
