"""The driver of the encoder `pynq` on a DMA of Python: how rows go through it, and what its failures are called."""

import sys
import types

import numpy as np
import pytest

from baler_codec.encoders.pynq_driver import (
    DmaError,
    DmaTimeoutError,
    Driver,
    NoBoardError,
    PynqMissingError,
    WrongBitstreamError,
)

LANES = 4


class Buffer(np.ndarray):
    """What pynq allocates."""

    def freebuffer(self):
        self.freed = True


class Channel:
    """One channel of a DMA; `log` is common to both."""

    def __init__(self, name, log, work):
        self.name, self._log, self._work = name, log, work
        self.idle, self.error, self.transferred = False, False, 0

    def transfer(self, buffer, nbytes):
        self._log.append((self.name, nbytes))
        assert nbytes <= buffer.nbytes and not getattr(buffer, "freed", False)
        self.idle, self.error, self.transferred = False, False, nbytes
        self._work(self, buffer, nbytes)

    def wait(self):
        assert self.idle


class Dma:
    """A DMA with an encoder behind it, `fault` says how it behaves."""

    buffer_max_size = (1 << 14) - 1

    def __init__(self, spec):
        self.spec, self.log, self.fault, self.written = spec, [], None, []
        self.sendchannel = Channel("send", self.log, self._sent)
        self.recvchannel = Channel("receive", self.log, self._receives)

    def write(self, offset, value):
        self.written.append((offset, value))

    def _receives(self, channel, buffer, nbytes):
        self._target = buffer, nbytes

    def _sent(self, channel, buffer, nbytes):
        width = buffer.shape[1]
        rows, n = np.asarray(buffer)[: nbytes // 2 // width], len(self.spec.inputs)
        assert not rows[:, n:].any() and width % LANES == 0
        channel.idle = True
        if self.fault == "silent":
            return
        target, wanted = self._target
        latents = self.spec.run(rows[:, :n])
        np.asarray(target)[: len(rows), : latents.shape[1]] = latents
        assert wanted == 2 * len(rows) * target.shape[1]
        self.recvchannel.idle = self.fault != "error"
        self.recvchannel.error = self.fault == "error"
        self.recvchannel.transferred -= 8 if self.fault == "short" else 0


@pytest.fixture
def pynq(encoder, monkeypatch):
    """A module in pynq's place, with numpy of any version."""
    fake = types.ModuleType("pynq")
    fake.__version__ = "99.0"
    fake.Device = types.SimpleNamespace(active_device="board")
    fake.dma, fake.allocated, fake.opened = Dma(encoder[1]), [], []

    def allocate(shape, dtype):
        made = np.full(shape, 77, dtype).view(Buffer)
        fake.allocated.append(made)
        return made

    def opened(bitstream, download):
        fake.opened.append((bitstream, download))
        return types.SimpleNamespace(ip_dict=fake.ip_dict, dma=fake.dma)

    fake.ip_dict = {kind: {"type": f"xilinx.com:ip:{kind}:1.0"} for kind in ("zynq_ultra_ps_e", "axi_dma")}
    fake.ip_dict["dma"] = fake.ip_dict.pop("axi_dma")
    fake.allocate, fake.Overlay = allocate, opened
    monkeypatch.setitem(sys.modules, "pynq", fake)
    return fake


def driver(spec, **more):
    told = {"bitstream": "a.bit", "inputs": len(spec.inputs), "latents": 2, "lanes": LANES, "download": False}
    return Driver(**(told | {"seconds": 5.0} | more))


def rows_of(spec, n):
    rng = np.random.default_rng(3)
    return rng.integers(spec.low, spec.high + 1, (n, len(spec.low))).astype(np.int16)


def test_rows_go_in_pieces_that_the_dma_can_take_and_the_receiver_is_ready_first(pynq, encoder):
    spec = encoder[1]
    board, rows = driver(spec), rows_of(spec, 2500)
    assert pynq.opened == [("a.bit", False)]
    assert np.array_equal(board.encode(rows), spec.run(rows))
    assert [name for name, _ in pynq.dma.log] == ["receive", "send"] * (len(pynq.dma.log) // 2)
    assert len(pynq.dma.log) > 4 and max(size for _, size in pynq.dma.log) <= pynq.dma.buffer_max_size
    width = -(-len(spec.inputs) // LANES) * LANES
    assert sum(size for name, size in pynq.dma.log if name == "send") == 2 * width * len(rows)


def test_buffers_are_kept_and_given_back_when_larger_ones_are_needed(pynq, encoder):
    spec = encoder[1]
    board, rows = driver(spec), rows_of(spec, 900)
    for n in (300, 1, 299, 0):
        assert np.array_equal(board.encode(rows[:n]), spec.run(rows[:n]))
    assert len(pynq.allocated) == 2
    assert np.array_equal(board.encode(rows), spec.run(rows))
    assert [getattr(buffer, "freed", False) for buffer in pynq.allocated] == [True, True, False, False]


@pytest.mark.parametrize(
    "fault, error, said",
    [
        ("silent", DmaTimeoutError, "not given the latents in 0.05 s"),
        ("error", DmaError, "should have given the latents"),
        ("short", WrongBitstreamError, "bytes of latents for 9 rows"),
    ],
)
def test_what_a_dma_does_wrong_has_a_name_and_nothing_is_left_running(pynq, encoder, fault, error, said):
    board = driver(encoder[1], seconds=0.05)
    board.encode(rows_of(encoder[1], 9))
    pynq.dma.fault = fault
    with pytest.raises(error, match=said):
        board.encode(rows_of(encoder[1], 9))
    assert pynq.dma.written == ([] if fault == "short" else [(0, 4)])  # the DMA's reset


def test_overlays_that_cannot_be_the_encoders_are_refused(pynq, encoder):
    pynq.dma.buffer_max_size = 15
    with pytest.raises(WrongBitstreamError, match="less than a row"):
        driver(encoder[1])
    pynq.ip_dict["dma"]["parameters"] = {"c_m_axis_mm2s_tdata_width": "32"}
    with pytest.raises(WrongBitstreamError, match=r"into the circuit is 32 bits wide in a\.bit, not 64"):
        driver(encoder[1])
    pynq.ip_dict["dma"]["parameters"] = {"c_include_sg": "1"}
    with pytest.raises(WrongBitstreamError, match="built for scatter-gather"):
        driver(encoder[1])
    del pynq.ip_dict["dma"]
    with pytest.raises(WrongBitstreamError, match="0 blocks of type axi_dma"):
        driver(encoder[1])


def test_no_board_and_a_pynq_that_cannot_work_with_this_numpy_have_names(pynq, encoder, monkeypatch):
    pynq.__version__ = "4.0.0"
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(PynqMissingError, match=r"numpy 2\.1\.0; pynq 4\.0\.0 needs numpy < 2"):
        driver(encoder[1])
    monkeypatch.setattr(np, "__version__", "1.26.4")

    class Device:
        @property
        def active_device(self):
            raise RuntimeError("No Devices Found")

    pynq.Device = Device()
    monkeypatch.delenv("PYNQ_REMOTE_DEVICES", raising=False)
    with pytest.raises(NoBoardError, match="no board is here, and PYNQ_REMOTE_DEVICES names no address"):
        driver(encoder[1])
    monkeypatch.setenv("PYNQ_REMOTE_DEVICES", "127.0.0.9")
    with pytest.raises(NoBoardError, match=r"no board answers at 127\.0\.0\.9 \(No Devices Found\)"):
        driver(encoder[1])
