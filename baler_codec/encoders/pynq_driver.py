"""The board's side of the encoder `pynq`: rows go through an AXI DMA, driven by pynq, and latents come back.

This file also runs alone, as a process of another Python that has pynq and numpy but not this package: pynq 4 wants
numpy < 2. It imports nothing of the package.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

REMOTE = "PYNQ_REMOTE_DEVICES"  # pynq's own
MOST_ROWS = 1 << 16  # of one message
MOST_TEXT = 1 << 20
_MOST_BYTES = 1 << 22  # of one transfer: contiguous memory is scarce on a board
_RESET = 4  # bit of the DMA's control register
_PORTS = {"c_m_axis_mm2s_tdata_width": "into", "c_s_axis_s2mm_tdata_width": "out of"}


class BoardError(RuntimeError):
    """A board cannot encode; the kinds of this error say why."""


class PynqMissingError(BoardError):
    """The Python that is to drive the board has no pynq that works."""


class NoBoardError(BoardError):
    """No board is there, or none answers at its address."""


class BoardBusyError(BoardError):
    """Somebody else uses the board."""


class BitstreamNotFoundError(BoardError):
    """The bitstream, or a file that belongs to it, does not exist."""


class WrongBitstreamError(BoardError):
    """The bitstream holds another circuit than the encoder's."""


class DmaError(BoardError):
    """The DMA reports an error."""


class DmaTimeoutError(BoardError):
    """The circuit took rows and gave no latents in time."""


class ConnectionLostError(BoardError):
    """The board, or the process that drives it, stopped answering."""


class Driver:
    """A board with an encoder's circuit behind an AXI DMA.

    Parameters
    ----------
    bitstream : str
        The overlay's .bit file, with its .hwh beside it.
    inputs, latents : int
        Of a row.
    lanes : int
        16-bit values in a beat of the streams; a row begins with a new beat.
    download : bool
        Whether the bitstream is loaded onto the board; if not, it has to be there already.
    seconds : float
        How long up to `MOST_ROWS` rows may take.
    """

    def __init__(self, bitstream: str, inputs: int, latents: int, lanes: int, download: bool, seconds: float) -> None:
        self.inputs, self._latents, self._seconds = inputs, latents, seconds
        self._pynq = _pynq()
        overlay = self._pynq.Overlay(bitstream, download=download)
        name, parameters = _dma(overlay)
        for port, way in _PORTS.items():
            if int(parameters.get(port, 16 * lanes)) != 16 * lanes:
                raise WrongBitstreamError(
                    f"the stream {way} the circuit is {parameters[port]} bits wide in {bitstream}, not {16 * lanes}"
                )
        if int(parameters.get("c_include_sg", 0)):
            raise WrongBitstreamError(f"the DMA of {bitstream} is built for scatter-gather: build it without")
        self._overlay, self._dma = overlay, getattr(overlay, name)
        self._row_in, self._row_out = (-(-n // lanes) * lanes for n in (inputs, latents))
        self._most = min(int(self._dma.buffer_max_size), _MOST_BYTES) // (2 * max(self._row_in, self._row_out))
        if self._most == 0:
            raise WrongBitstreamError(
                f"a transfer of the DMA holds {self._dma.buffer_max_size} bytes, less than a row: build it with a "
                "wider length register (c_sg_length_width)"
            )
        self._send = self._receive = self._sent = self._received = np.empty((0, 0), np.int16)

    def encode(self, rows: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """Compute latents: (rows, inputs) → (rows, latents)."""
        end = time.monotonic() + self._seconds
        out = np.empty((len(rows), self._latents), np.int16)
        for start in range(0, len(rows), self._most):
            part = rows[start : start + self._most]
            out[start : start + len(part)] = self._transfer(part, end)
        return out

    def _transfer(self, rows: npt.NDArray[np.int16], end: float) -> npt.NDArray[np.int16]:
        n = len(rows)
        if n > len(self._send):
            self._grow(n)
        self._sent[:n, : self.inputs] = rows
        dma, wanted = self._dma, 2 * n * self._row_out
        # the receiver first: the circuit holds back rows whose latents nobody takes
        dma.recvchannel.transfer(self._receive, nbytes=wanted)
        dma.sendchannel.transfer(self._send, nbytes=2 * n * self._row_in)
        for channel, what in ((dma.sendchannel, "taken the rows"), (dma.recvchannel, "given the latents")):
            self._wait(channel, what, end)
        if dma.recvchannel.transferred != wanted:
            raise WrongBitstreamError(
                f"the circuit gave {dma.recvchannel.transferred} bytes of latents for {n} rows, not {wanted}"
            )
        return self._received[:n, : self._latents]

    def _wait(self, channel: Any, what: str, end: float) -> None:
        # pynq's own wait() has no end
        while not channel.idle and not channel.error:
            if time.monotonic() > end:
                self._stop()
                raise DmaTimeoutError(f"the circuit has not {what} in {self._seconds:g} s")
        if channel.error:
            self._stop()
            raise DmaError(f"the DMA reports an error where the circuit should have {what}")
        channel.wait()

    def _stop(self) -> None:
        # a transfer left waiting would write into memory that has been given back
        self._dma.write(0, _RESET)

    def _grow(self, rows: int) -> None:
        for buffer in (self._send, self._receive):
            if len(buffer):
                buffer.freebuffer()  # type: ignore[attr-defined]
        self._send = self._pynq.allocate(shape=(rows, self._row_in), dtype="<i2")
        self._receive = self._pynq.allocate(shape=(rows, self._row_out), dtype="<i2")
        # plain views: parts of pynq's own arrays carry the buffer about with them
        self._sent, self._received = self._send.view(np.ndarray), self._receive.view(np.ndarray)
        self._sent[:] = 0  # lanes behind a row's last value stay so


def _pynq() -> Any:
    try:
        pynq = importlib.import_module("pynq")
    except ImportError as error:
        raise PynqMissingError(f"{sys.executable} has no pynq that can be imported ({error})") from error
    if int(np.__version__.split(".")[0]) > 1 and int(pynq.__version__.split(".")[0]) <= 4:
        raise PynqMissingError(f"{sys.executable} has numpy {np.__version__}; pynq {pynq.__version__} needs numpy < 2")
    try:
        _ = pynq.Device.active_device  # looks for one
    except RuntimeError as error:
        address = os.environ.get(REMOTE)
        where = f"answers at {address}" if address else f"is here, and {REMOTE} names no address of one"
        raise NoBoardError(f"no board {where} ({error})") from error
    return pynq


def _dma(overlay: Any) -> tuple[str, dict[str, Any]]:
    found = {name: ip for name, ip in overlay.ip_dict.items() if ":axi_dma:" in str(ip.get("type"))}
    if len(found) != 1:
        raise WrongBitstreamError(f"the overlay has {len(found)} blocks of type axi_dma, one is needed")
    name, ip = next(iter(found.items()))
    return name, ip.get("parameters", {})


def _told(error: BaseException) -> tuple[str, str]:
    """Return the name of the kind of `BoardError` that an error is told as, and its text."""
    if isinstance(error, BoardError):
        return type(error).__name__, str(error)
    grpc = sys.modules.get("grpc")
    if isinstance(error, ConnectionError) or (grpc is not None and isinstance(error, grpc.RpcError)):
        text = getattr(error, "details", lambda: "")() or str(error)
        return ConnectionLostError.__name__, f"the board stopped answering: {text}"
    return BoardError.__name__, f"{type(error).__name__}: {error}"


def main() -> None:
    """Serve one `Driver` to the process at the other end of a pipe.

    The first message is the driver's arguments (JSON), each later one rows. An answer begins with 1, and what was asked
    for follows; or with 0 and the name and text of an error (JSON).
    """
    with Connection(int(sys.argv[1])) as host:
        driver: Driver | None = None
        most = MOST_TEXT
        while True:
            try:
                message = host.recv_bytes(most)
            except EOFError:
                return
            try:
                if driver is None:
                    driver = Driver(**json.loads(message))
                    most = 2 * driver.inputs * MOST_ROWS
                    answer = b""
                else:
                    answer = driver.encode(np.frombuffer(message, "<i2").reshape(-1, driver.inputs)).tobytes()
            except Exception as error:
                host.send_bytes(b"\0" + json.dumps(_told(error)).encode()[:MOST_TEXT])
            else:
                host.send_bytes(b"\1" + answer)


if __name__ == "__main__":
    main()
