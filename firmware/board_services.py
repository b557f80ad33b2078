"""The gRPC services of PYNQ.remote, as far as pynq's overlays, buffers and DMA need them, on an emulated board."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from pynq.remote import (
    buffer_pb2,
    buffer_pb2_grpc,
    mmio_pb2,
    mmio_pb2_grpc,
    remote_device_pb2,
    remote_device_pb2_grpc,
)

from .board_dma import AxiDma, Memory
from .board_overlay import DMA_BASE

PORT = 7967  # pynq's, which has no other
_PIECE = 1 << 21  # of a gRPC message
_FILES = {
    "/proc/version": b"Linux version 6.6 aarch64",
    "/proc/device-tree/chosen/pynq_board": b"Emulated\0",
    "/sys/class/fpga_manager/fpga0/state": b"operating\n",
    "/sys/class/fpga_manager/fpga0/flags": b"0\n",
}
# UltraScale+ clocks: PLLs at 33.3 MHz x 90 / 2, from which pynq computes dividers
_PLL = 1 << 16 | 90 << 8
_CLOCKS = {0xFF5E0020: _PLL, 0xFF5E0030: _PLL, 0xFD1A002C: _PLL}


class Device(remote_device_pb2_grpc.RemoteDeviceServicer):
    """Files of the board, and what loads a bitstream: it is taken and changes nothing."""

    def __init__(self) -> None:
        self._files = dict(_FILES)

    def existsfile(self, request: Any, context: Any) -> Any:
        """Say whether there is a file."""
        return remote_device_pb2.ExistsFileResponse(exists=request.file_path in self._files)

    def readfile(self, request: Any, context: Any) -> Iterator[Any]:
        """Send a file."""
        if request.file_path not in self._files:
            context.abort(grpc.StatusCode.NOT_FOUND, request.file_path)
        yield remote_device_pb2.ReadFileResponse(data=self._files[request.file_path])

    def writefile(self, pieces: Iterator[Any], context: Any) -> Any:
        """Take a file."""
        found: dict[str, bytearray] = {}
        for piece in pieces:
            found.setdefault(piece.file_path, bytearray()).extend(piece.data)
        self._files.update((path, bytes(data)) for path, data in found.items())
        return remote_device_pb2.WriteFileResponse()

    def set_bitstream_attrs(self, request: Any, context: Any) -> Any:
        """Take the name of a bitstream."""
        return remote_device_pb2.SetBitstreamAttrsResponse(status=True)


class Registers(mmio_pb2_grpc.MmioServicer):
    """The board's address space: the DMA, and registers that keep what is written."""

    def __init__(self, dma: AxiDma) -> None:
        self._dma, self._kept = dma, dict(_CLOCKS)

    def get_mmio(self, request: Any, context: Any) -> Any:
        """Open a range."""
        return mmio_pb2.GetMmioResponse(status=True, mmio_id=f"{request.base_addr:x}")

    def read(self, request: Any, context: Any) -> Any:
        """Read 4 bytes."""
        base = int(request.mmio_id, 16)
        value = self._dma.read(request.offset) if base == DMA_BASE else self._kept.get(base + request.offset, 0)
        return mmio_pb2.ReadResponse(status=True, data=value)

    def write(self, request: Any, context: Any) -> Any:
        """Write words."""
        base = int(request.mmio_id, 16)
        for at in range(0, len(request.data), 4):
            offset, value = request.offset + at, int.from_bytes(request.data[at : at + 4], "little")
            if base == DMA_BASE:
                self._dma.write(offset, value)
            else:
                self._kept[base + offset] = value
        return mmio_pb2.WriteResponse(status=True)


class Buffers(buffer_pb2_grpc.RemoteBufferServicer):
    """The board's memory. A buffer's name is its address."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def allocate(self, request: Any, context: Any) -> Any:
        """Allocate a buffer."""
        try:
            return buffer_pb2.AllocateResponse(buffer_id=f"{self._memory.allocate(request.size):x}")
        except MemoryError as error:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    def write(self, pieces: Iterator[Any], context: Any) -> Any:
        """Take the bytes of a buffer."""
        at = 0
        for piece in pieces:
            block = self._memory.block(int(piece.buffer_id, 16))
            if len(piece.data) > len(block) - at:
                return buffer_pb2.BufferWriteResponse(msg="more bytes than the buffer holds")
            block[at : at + len(piece.data)] = piece.data
            at += len(piece.data)
        return buffer_pb2.BufferWriteResponse()

    def read(self, request: Any, context: Any) -> Iterator[Any]:
        """Send the bytes of a buffer."""
        block = bytes(self._memory.block(int(request.buffer_id, 16)))
        for at in range(0, len(block), _PIECE):
            yield buffer_pb2.BufferReadResponse(data=block[at : at + _PIECE])

    def freebuffer(self, request: Any, context: Any) -> Any:
        """Give a buffer back."""
        self._memory.free(int(request.buffer_id, 16))
        return buffer_pb2.FreeBufferResponse()

    def physical_address(self, request: Any, context: Any) -> Any:
        """Say where a buffer lies."""
        return buffer_pb2.AddressResponse(address=int(request.buffer_id, 16))

    def flush(self, request: Any, context: Any) -> Any:
        """Do nothing: there is no cache."""
        return buffer_pb2.FlushResponse()

    def invalidate(self, request: Any, context: Any) -> Any:
        """Do nothing: there is no cache."""
        return buffer_pb2.InvalidateResponse()


def serve(address: str, dma: AxiDma, memory: Memory) -> grpc.Server:
    """Start the services at an address; port `PORT`."""
    server = grpc.server(futures.ThreadPoolExecutor(1))  # one call at a time, as one bus does
    remote_device_pb2_grpc.add_RemoteDeviceServicer_to_server(Device(), server)
    mmio_pb2_grpc.add_MmioServicer_to_server(Registers(dma), server)
    buffer_pb2_grpc.add_RemoteBufferServicer_to_server(Buffers(memory), server)
    server.add_insecure_port(f"{address}:{PORT}")
    server.start()
    return server
