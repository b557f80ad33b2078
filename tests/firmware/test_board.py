"""pynq's own client drives an emulated board whose circuit is the generated Verilog: its chunks are the native ones."""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from baler_codec import Baler, native
from baler_codec.encoders import EncoderFallbackWarning, EncoderSpec, available, choose
from baler_codec.encoders.pynq_backend import Board, Pynq
from baler_codec.encoders.pynq_driver import WrongBitstreamError
from baler_codec.encoders.pynq_overlay import Overlay
from firmware.board_overlay import emulated
from firmware.board_process import BoardProcess, address

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance_models import chance_model
from models import LATENT
from written import CONTAINERS, chunks

PYTHON = os.environ.get("BALER_PYNQ_PYTHON", "")
GOLDEN = 259
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="BALER_PYNQ_PYTHON names no Python with pynq 4, numpy < 2 and numcodecs"),
    pytest.mark.skipif(available()["rtl"] is not None, reason=str(available()["rtl"])),
]


@pytest.fixture(scope="module")
def encoder():
    """A model with its specification, and a table for it."""
    model, table = chance_model(14, columns=3, latents=2, kind=LATENT)
    return model, EncoderSpec.of(model), table


@pytest.fixture
def board(cache, encoder, tmp_path, monkeypatch):
    """Start emulated boards; each has the environment point to it and its overlay."""
    monkeypatch.setenv("BALER_PYNQ_SECONDS", "60")
    with contextlib.ExitStack() as started:

        def start(*arguments, **options):
            made = started.enter_context(BoardProcess(encoder[1], tmp_path, *arguments, **options))
            monkeypatch.setenv("PYNQ_REMOTE_DEVICES", made.address)
            monkeypatch.setenv("BALER_PYNQ_BITSTREAM", str(made.bitstream))
            return made

        yield start


def test_the_board_gives_the_latents_of_the_specification_in_transfers_that_its_dma_can_take(board, encoder):
    model, spec, _ = encoder
    process = board(length_bits=16)
    rng = np.random.default_rng(5)
    rows = rng.integers(spec.low, spec.high + 1, (40_000, len(spec.low))).astype(np.int16)
    backend = Pynq(spec, model)
    assert np.array_equal(backend.encode(rows), spec.run(rows))
    assert np.array_equal(backend.encode(rows[:7]), spec.run(rows[:7]))
    assert backend.encode(rows[:0]).shape == (0, 2)
    found = process.figures()
    assert found["rows"] == 40_007
    row = 8 * -(-len(spec.low) // 4)  # bytes of a row in beats of four lanes
    assert found["transfers"] == 1 + -(-40_000 // (65_535 // row))
    # the stream's width is the limit; each transfer waits once for the pipeline
    assert found["cycles"] - row // 8 * found["rows"] <= 20 * found["transfers"]


def test_a_chunk_of_the_board_has_the_hash_of_the_librarys_and_the_circuits(board, encoder, tmp_path):
    model, _, table = encoder
    process = board()
    table = table.copy()
    table[3, 1] = np.inf
    frames = chunks(tmp_path, model, table, ["native", "rtl", "pynq"])
    assert frames == {Baler(model).encode(table)}
    assert native.frame_info(np.frombuffer(*frames, np.uint8)).mode == "latent"
    assert process.figures()["rows"] == GOLDEN + len(CONTAINERS) * len(table)


SAID = {
    "silent": "DmaTimeoutError: the circuit has not given the latents in 1 s",
    "gone": "ConnectionLostError: the board stopped answering",
    "short": r"WrongBitstreamError: the circuit gave \d+ bytes of latents for \d+ rows, not \d+",
}


@pytest.mark.parametrize(
    "fault, after, said",
    [
        ("wrong", 0, "computes other latents than the specification sha256:"),
        *((fault, 0, rf"does not start \({said}") for fault, said in SAID.items()),
        *((fault, GOLDEN, rf"failed on a chunk \({said}") for fault, said in SAID.items()),
    ],
    ids=lambda value: str(value)[:8],
)
def test_a_board_that_fails_is_named_and_the_native_encoder_writes(board, encoder, monkeypatch, fault, after, said):
    model, _, table = encoder
    board("--fault", fault, "--after", str(after))
    if fault == "silent":
        monkeypatch.setenv("BALER_PYNQ_SECONDS", "1")
    with pytest.warns(EncoderFallbackWarning, match=said):
        frame = Baler(model, encoder="pynq").encode(table)
    assert frame == Baler(model).encode(table)


def test_without_a_board_at_the_address_the_native_encoder_writes(cache, encoder, tmp_path, monkeypatch):
    model, spec, table = encoder
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # no other process knows of this machine's own board
    emulated(tmp_path / "encoder.bit", spec)
    monkeypatch.setenv("BALER_PYNQ_BITSTREAM", str(tmp_path / "encoder.bit"))
    for where, said in (
        (address(), "NoBoardError: no board answers at 127"),
        ("", "NoBoardError: no board is"),
    ):
        monkeypatch.setenv("PYNQ_REMOTE_DEVICES", where)
        with pytest.warns(EncoderFallbackWarning, match=said):
            frame = Baler(model, encoder="pynq").encode(table)
        assert frame == Baler(model).encode(table)
        choose.encoder_of.cache_clear()


def test_a_stream_of_another_width_is_refused(board, encoder, tmp_path):
    model, spec, _ = encoder
    board()
    emulated(tmp_path / "wide.bit", spec, lanes=8)
    Overlay(tmp_path / "wide.bit", spec.id, 4).describe()
    with pytest.raises(WrongBitstreamError, match=r"128 bits wide in .*wide\.bit, not 64"):
        Pynq(spec, model, Board(str(tmp_path / "wide.bit"), PYTHON))
