"""Rows come in, and frames go out, through pipes, sockets, FIFOs and the command line."""

import io
import os
import socket
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from baler_codec import stream
from baler_codec.cli import run
from baler_codec.errors import BalerError, CorruptDataError, DTypeError, ShapeError
from baler_codec.stream.rows import npy_rows_in


class Dripping(io.RawIOBase):
    """A line that gives, and takes, a few bytes at a time."""

    def __init__(self, told=b""):
        self.told, self.taken = io.BytesIO(told), bytearray()

    def read(self, n=-1):
        return self.told.read(min(n, 977))

    def write(self, told):
        self.taken += told[:1013]
        return min(len(told), 1013)


def test_rows_and_streams_may_come_in_drops(model, rows, sent):
    wanted = sent(rows, model, threshold="abs=1")
    line = Dripping(rows.tobytes())
    stream.send(stream.rows_in(line, 5, at_once=300), line, model, block_rows=500, threshold="abs=1")
    assert bytes(line.taken) == wanted
    values = list(stream.read(Dripping(wanted)))
    assert np.array_equal(np.concatenate(values), np.concatenate(list(stream.read(io.BytesIO(wanted)))), equal_nan=True)


def test_a_socket_carries_rows_one_way_and_frames_another(model, rows, tmp_path):
    data, board = socket.socketpair()
    here, there = socket.socketpair()

    def detector():
        with board, board.makefile("wb") as file:
            file.write(rows.tobytes())

    def sender():
        with data, here, data.makefile("rb") as source, here.makefile("wb") as out:
            stream.send(stream.rows_in(source, 5), out, model, block_rows=500)

    threads = [threading.Thread(target=work) for work in (detector, sender)]
    for thread in threads:
        thread.start()
    with there, there.makefile("rb") as file:
        stream.store(file, tmp_path / "t.h5")
    for thread in threads:
        thread.join()
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["data"].shape == (1234, 5)


def test_a_frame_is_on_its_way_before_more_rows_come(model, rows):
    read, write = os.pipe()

    def waiting():
        yield rows[:500]
        first = os.read(read, 1 << 16)  # would wait for ever if nothing were flushed
        assert first[:4] == b"BLRS" and b"BLRC" in first
        yield rows[500:700]

    with open(write, "wb") as out:
        stream.send(waiting(), out, model, block_rows=500)
    os.close(read)


def test_input_that_ends_inside_a_row_gives_no_end(model, rows):
    out = io.BytesIO()
    with pytest.raises(CorruptDataError, match="ends inside row 700, 13 of 20 bytes"):
        stream.send(stream.rows_in(io.BytesIO(rows.tobytes()[:14013]), 5, at_once=500), out, model, block_rows=500)
    out.seek(0)
    with pytest.raises(CorruptDataError, match="ends early"):
        list(stream.StreamReader(out))


def test_npy_pipes_are_read_without_seeking(rows):
    told = io.BytesIO()
    np.save(told, rows)
    found = np.concatenate(list(npy_rows_in(Dripping(told.getvalue()), 5)))
    assert found.tobytes() == rows.tobytes()
    for wrong, kind, said in (
        (told.getvalue()[:-7], CorruptDataError, "ends inside row"),
        (told.getvalue()[:-20], CorruptDataError, "ends 1 rows earlier"),
        (told.getvalue() + bytes(20), CorruptDataError, "more than the 1234 rows"),
        (b"\x93NUMPX" + told.getvalue()[6:], CorruptDataError, r"no \.npy file"),
        (told.getvalue()[:40], CorruptDataError, r"no \.npy file"),
    ):
        with pytest.raises(kind, match=said):
            list(npy_rows_in(io.BytesIO(wrong), 5))
    for array, said in ((rows[:, :4], "rows of 5 values"), (np.asfortranarray(rows), "save it in C order")):
        told = io.BytesIO()
        np.save(told, array)
        told.seek(0)
        with pytest.raises(ShapeError, match=said):
            list(npy_rows_in(told, 5))
    with pytest.raises(DTypeError, match="latents are integers"):
        stream.latents_in(io.BytesIO(), 3, "f4")


@pytest.fixture
def folder(model, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    model.save("m.baler")
    rows.tofile("rows.bin")
    np.save("rows.npy", rows)
    return tmp_path


@pytest.mark.parametrize("source", ["rows.bin", "rows.npy", "rows.npz"])
def test_the_command_line_streams_and_stores(folder, rows, capsys, source):
    np.savez("rows.npz", data=rows)
    arguments = ["--model", "m.baler", "--block-rows", "500", "--threshold", "abs=1", "--encoder", "reference"]
    assert run(["stream", source, "s.blrs", *arguments]) == 0
    assert "1234 rows" in capsys.readouterr().err
    assert run(["stream", source, "s.blrs", *arguments]) == 2
    assert "exists" in capsys.readouterr().err
    assert run(["store", "s.blrs", "t.zarr", "--zarr-format", "2"]) == 0
    assert run(["store", "s.blrs", "t.h5:x"]) == 0
    back = stream.with_outliers("t.h5:x")
    assert np.array_equal(back, stream.with_outliers("t.zarr"), equal_nan=True)
    with open("s.blrs", "rb") as file:
        assert np.array_equal(back, np.concatenate(list(stream.read(file))), equal_nan=True)
    assert run(["inspect", "t.h5:x", "--check"]) == 0
    assert "3 latent" in capsys.readouterr().out


def test_a_pipeline_of_processes(folder, rows):
    baler = [sys.executable, "-m", "baler_codec.cli"]
    with open("rows.bin", "rb") as source:
        sender = subprocess.Popen(
            [*baler, "stream", "-", "-", "--model", "m.baler"], stdin=source, stdout=subprocess.PIPE
        )
        store = subprocess.run([*baler, "store", "-", "t.h5"], stdin=sender.stdout, check=True, capture_output=True)
        sender.stdout.close()
        assert sender.wait() == 0 and store.stdout.decode().strip() == "t.h5"
    with h5py.File("t.h5") as file:
        assert file["data"].shape == (1234, 5) and np.array_equal(np.isnan(file["data"][...]), np.isnan(rows))


def test_a_fifo_is_written_to_as_it_is(folder):
    os.mkfifo("fifo")
    thread = threading.Thread(target=run, args=(["stream", "rows.bin", "fifo", "--model", "m.baler"],))
    thread.start()
    assert run(["store", "fifo", "t.h5"]) == 0
    thread.join()


def test_latents_of_a_board_on_the_command_line(folder, model, rows, capsys):
    model.native().encode_latents(np.nan_to_num(rows)).astype("<i2").tofile("latents.bin")
    assert run(["stream", "latents.bin", "s.blrs", "--model", "m.baler", "--latents", "i2", "--block-rows", "500"]) == 0
    assert run(["store", "s.blrs", "t.h5"]) == 0
    assert run(["stream", "latents.bin", "x", "--model", "m.baler", "--latents", "i2", "--encoder", "native"]) == 2
    assert "encoded already" in capsys.readouterr().err


def test_the_command_line_leaves_nothing_behind_when_it_fails(folder, capsys):
    before = sorted(os.listdir())
    with open("short.bin", "wb") as file:
        file.write(bytes(7))
    assert run(["stream", "short.bin", "s.blrs", "--model", "m.baler"]) == 2
    assert "ends inside row 0" in capsys.readouterr().err
    assert run(["stream", "rows.bin", "s.blrs", "--model", "m.baler", "--dtype", "tuna"]) == 2
    assert "is no dtype" in capsys.readouterr().err
    assert run(["store", "rows.bin", "t.h5"]) == 2
    assert "no stream of latents" in capsys.readouterr().err
    assert sorted(os.listdir()) == sorted([*before, "short.bin"])


def test_unknown_places_are_errors(folder, sent, model, rows):
    with pytest.raises(BalerError):
        stream.with_outliers("nowhere.h5")
    stream.store(io.BytesIO(sent(rows, model, threshold="abs=1")), "t.h5")
    with pytest.raises(BalerError, match="no array 'x'"):
        stream.with_outliers("t.h5:x")
