"""The emulated DMA behaves as its data sheet says where drivers lean on it."""

import pytest

from firmware.board_dma import AxiDma, Memory

SEND, RECEIVE = 0x00, 0x30
CONTROL, STATUS, ADDRESS, HIGH, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
RUN, RESET = 1, 4
HALTED, IDLE, INTERNAL, DECODE, DONE = 1, 2, 0x10, 0x40, 0x1000


@pytest.fixture
def memory():
    return Memory()


def dma_on(memory, stream, run=True):
    dma = AxiDma(memory, stream)
    for channel in (SEND, RECEIVE) if run else ():
        dma.write(channel + CONTROL, RUN)
    return dma


def begin(dma, channel, address, size):
    dma.write(channel + ADDRESS, address & 0xFFFFFFFF)
    dma.write(channel + HIGH, address >> 32)
    dma.write(channel + LENGTH, size)


def test_a_packet_goes_through_when_both_channels_run(memory):
    dma = dma_on(memory, lambda packet: packet[::-1])
    source, target = memory.allocate(4), memory.allocate(10)
    memory.block(source)[:] = b"abcd"
    begin(dma, SEND, source, 4)
    assert not dma.read(SEND + STATUS) & IDLE  # nobody takes the other end
    begin(dma, RECEIVE, target + 2, 8)
    assert memory.block(target) == b"\0\0dcba\0\0\0\0"
    assert dma.read(SEND + STATUS) == dma.read(RECEIVE + STATUS) == IDLE | DONE
    assert dma.read(RECEIVE + LENGTH) == 4
    dma.write(RECEIVE + STATUS, DONE)
    assert dma.read(RECEIVE + STATUS) == IDLE


def test_a_halted_or_silent_channel_never_gets_idle_and_a_reset_ends_it(memory):
    dma = dma_on(memory, lambda packet: None, run=False)
    block = memory.allocate(64)
    begin(dma, SEND, block, 8)
    assert dma.read(SEND + STATUS) == HALTED
    for channel in (SEND, RECEIVE):
        dma.write(channel + CONTROL, RUN)
        begin(dma, channel, block, 8)
    assert dma.read(SEND + STATUS) == IDLE | DONE and dma.read(RECEIVE + STATUS) == 0
    dma.write(SEND + CONTROL, RESET)
    assert dma.read(RECEIVE + STATUS) == HALTED


@pytest.mark.parametrize("channel, other", [(SEND, RECEIVE), (RECEIVE, SEND)])
def test_addresses_without_memory_lengths_of_nothing_and_packets_too_long_are_errors(memory, channel, other):
    dma = dma_on(memory, lambda packet: packet * 2)
    block = memory.allocate(64)
    begin(dma, channel, block + 60, 8)
    begin(dma, other, block, 8)
    assert dma.read(channel + STATUS) & DECODE and dma.read(channel + STATUS) & HALTED
    dma = dma_on(memory, lambda packet: packet * 2)
    begin(dma, channel, block, 0)
    assert dma.read(channel + STATUS) & INTERNAL
    dma = dma_on(memory, lambda packet: packet * 2)
    begin(dma, channel, block, 8)
    begin(dma, other, block, 8)
    assert dma.read(RECEIVE + STATUS) & INTERNAL


def test_memory_has_an_end_and_blocks_do_not_touch(memory):
    first, second = memory.allocate(1), memory.allocate(5000)
    assert second >= first + 4096
    assert memory.at(first, 2) is None and memory.at(second + 4000, 1000) is not None
    memory.free(second)
    assert memory.at(second, 1) is None
    for size in (0, -1, 1 << 31):
        with pytest.raises(MemoryError):
            memory.allocate(size)
