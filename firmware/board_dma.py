"""An AXI DMA in direct register mode as its registers, between a board's memory and a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# registers of a channel (AMD's PG021), and bits of its control and status
_CONTROL, _STATUS, _ADDRESS, _ADDRESS_HIGH, _LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
_RUN, _RESET = 1, 4
_HALTED, _IDLE, _INTERNAL_ERROR, _DECODE_ERROR, _DONE, _INTERRUPTS = 1, 2, 0x10, 0x40, 0x1000, 0x7000
_RECEIVE = 0x30  # where the registers of the second channel begin


class Memory:
    """What a board's allocator gives out: blocks of bytes at physical addresses."""

    _FIRST, _PAGE, _MOST = 0x1000_0000, 4096, 1 << 30

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self._next = self._FIRST

    def allocate(self, size: int) -> int:
        """Return the address of a new block."""
        if not 0 < size <= self._MOST - sum(map(len, self._blocks.values())):
            raise MemoryError(f"no room for {size} bytes")
        address = self._next
        self._blocks[address] = bytearray(size)
        self._next += -(-size // self._PAGE) * self._PAGE
        return address

    def block(self, address: int) -> bytearray:
        """Return a block; KeyError without one."""
        return self._blocks[address]

    def free(self, address: int) -> None:
        """Give a block back."""
        self._blocks.pop(address, None)

    def at(self, address: int, size: int) -> memoryview | None:
        """Return a piece of memory that lies in one block; None if it does not."""
        for start, block in self._blocks.items():
            if start <= address and address + size <= start + len(block):
                return memoryview(block)[address - start : address - start + size]
        return None


@dataclass
class _Channel:
    control: int = 0
    status: int = _HALTED
    address: int = 0
    length: int = 0
    busy: bool = False

    def fail(self, error: int) -> None:
        self.status |= error | _HALTED
        self.busy = False

    def done(self) -> None:
        self.status |= _IDLE | _DONE
        self.busy = False


class AxiDma:
    """Both channels of a DMA.

    Parameters
    ----------
    memory : Memory
        The board's.
    stream : callable
        Takes what is sent as one packet and returns the packet that comes back; None if nothing does.
    """

    def __init__(self, memory: Memory, stream: Callable[[bytes], bytes | None]) -> None:
        self._memory, self._stream = memory, stream
        self._send, self._receive = _Channel(), _Channel()

    def read(self, offset: int) -> int:
        """Read a register."""
        channel, register = self._at(offset)
        return {
            _CONTROL: channel.control,
            _STATUS: channel.status,
            _ADDRESS: channel.address & 0xFFFFFFFF,
            _ADDRESS_HIGH: channel.address >> 32,
            _LENGTH: channel.length,
        }.get(register, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register; a length begins a transfer."""
        channel, register = self._at(offset)
        if register == _CONTROL:
            if value & _RESET:
                self._send, self._receive = _Channel(), _Channel()
                return
            channel.control = value
            channel.status = channel.status & ~_HALTED if value & _RUN else channel.status | _HALTED
        elif register == _STATUS:
            channel.status &= ~(value & _INTERRUPTS)
        elif register == _ADDRESS:
            channel.address = channel.address >> 32 << 32 | value
        elif register == _ADDRESS_HIGH:
            channel.address = channel.address & 0xFFFFFFFF | value << 32
        elif register == _LENGTH and not channel.status & _HALTED:
            channel.length, channel.busy = value, True
            channel.status &= ~_IDLE
            if value == 0:
                channel.fail(_INTERNAL_ERROR)
            elif self._send.busy and self._receive.busy:
                # a circuit holds back rows whose latents nobody takes: the stream moves when both channels do
                self._move()

    def _at(self, offset: int) -> tuple[_Channel, int]:
        return (self._receive, offset - _RECEIVE) if offset >= _RECEIVE else (self._send, offset)

    def _move(self) -> None:
        source = self._memory.at(self._send.address, self._send.length)
        target = self._memory.at(self._receive.address, self._receive.length)
        if source is None:
            self._send.fail(_DECODE_ERROR)
            return
        if target is None:
            self._receive.fail(_DECODE_ERROR)
            return
        packet = self._stream(bytes(source))
        self._send.done()
        if packet is None:
            return
        if len(packet) > len(target):
            self._receive.fail(_INTERNAL_ERROR)
            return
        target[: len(packet)] = packet
        self._receive.length = len(packet)
        self._receive.done()
