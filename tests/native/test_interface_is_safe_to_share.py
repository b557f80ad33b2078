"""The C interface: digests, buffers that are always large enough, errors and frames that threads do not mix up."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from abi import ABS, PW_REL, Bound, NativeError, check, decode_like, describe, encode, library


def test_digests_are_sha256() -> None:
    digest = ctypes.create_string_buffer(32)
    for n in [*range(130), 1000, 100_000]:
        data = bytes(i * 7 & 255 for i in range(n))
        library().baler_sha256(data, ctypes.c_size_t(n), digest)
        assert digest.raw == hashlib.sha256(data).digest()


def test_noise_never_outgrows_the_buffer() -> None:
    rng = np.random.default_rng(9)
    for n in (1, 7, 300, 9000):
        for dtype in ("u1", "<u8", "<f4", "V5"):
            x = np.frombuffer(rng.bytes(n * np.dtype(dtype).itemsize), dtype)
            room = library().baler_encode_bound(ctypes.byref(describe(x)))
            for bound in (Bound(), Bound(ABS, 1e-30), Bound(PW_REL, 1e-15)):
                assert len(encode(x, bound)) <= room <= x.nbytes + 80


def test_threads_get_their_own_frames_and_errors() -> None:
    rng = np.random.default_rng(10)
    tables = [rng.normal(size=(2000, 1 + i % 5)).astype("<f4") for i in range(24)]
    expected = [encode(x, Bound(PW_REL, 10.0 ** -(1 + i % 7))) for i, x in enumerate(tables)]

    def work(i: int) -> bool:
        x = tables[i % 24]
        frame = encode(x, Bound(PW_REL, 10.0 ** -(1 + i % 24 % 7)))
        try:
            encode(x, Bound(ABS, -1.0 - i))
        except NativeError as e:
            return frame == expected[i % 24] and decode_like(frame, x).shape == x.shape and f"{-1.0 - i:g}" in str(e)
        return False

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(96)))


def test_chunks_are_coded_under_a_filters_words_or_refused_by_name() -> None:
    lib = library()
    lib.baler_chunk_bound.restype = ctypes.c_size_t
    x = np.arange(60, dtype="<f4").reshape(12, 5)
    size = ctypes.c_size_t
    dims = [0, 2, 0, 0, 0, *[0] * 8, ord("f"), 4, 0, 2, 12, 5]
    words = (ctypes.c_uint * len(dims))(*dims)
    given = (words, size(len(dims)), x.ctypes.data_as(ctypes.c_void_p), size(x.nbytes))
    room = lib.baler_chunk_bound(words, size(len(dims)), size(x.nbytes))
    out, written = ctypes.create_string_buffer(room), size()
    check(lib.baler_chunk_encode(*given, out, size(room), ctypes.byref(written)))
    frame = out.raw[: written.value]
    assert frame == encode(x)
    back = np.empty_like(x)
    check(lib.baler_chunk_decode(words, size(len(dims)), frame, size(len(frame)), given[2], given[3]))
    target = back.ctypes.data_as(ctypes.c_void_p)
    for expected, arguments in (
        ("has 236", (words, size(len(dims)), frame, size(len(frame)), target, size(236))),
        ("wrong shape", ((ctypes.c_uint * 19)(*dims[:17], 5, 12), size(19), frame, size(len(frame)), target, given[3])),
        ("layout version 7", ((ctypes.c_uint * 1)(7), size(1), frame, size(len(frame)), target, given[3])),
        ("words must not be NULL", (None, size(3), frame, size(len(frame)), target, given[3])),
    ):
        with pytest.raises(NativeError, match=expected):
            check(lib.baler_chunk_decode(*arguments))
    with pytest.raises(NativeError, match="takes"):
        check(lib.baler_chunk_encode(*given, out, size(40), ctypes.byref(written)))
    with pytest.raises(NativeError, match="240 bytes"):
        check(
            lib.baler_chunk_encode(words, size(len(dims)), given[2], size(239), out, size(room), ctypes.byref(written))
        )


def test_a_host_that_flushes_subnormals_changes_nothing() -> None:
    if platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc":
        pytest.skip("fenv_t is only known for glibc on x86-64")
    x = np.array([5e-324, 1e-310, -3e-320, 1e-308, 2.5] * 60, "<f8")
    z = np.array([1e-45, -3e-42, 1e-39, 1.5] * 60, "<f4")
    expected = [encode(x), encode(z), encode(x, Bound(ABS, 1e-315)), encode(z, Bound(ABS, 1e-42))]
    libm = ctypes.CDLL("libm.so.6")
    host, flushing = (ctypes.create_string_buffer(32) for _ in range(2))
    libm.fegetenv(host)
    mxcsr = int.from_bytes(host.raw[28:32], "little") | 0x8040  # flush to zero, denormals are zero
    flushing.raw = host.raw[:28] + mxcsr.to_bytes(4, "little")
    try:
        libm.fesetenv(flushing)
        again = [encode(x), encode(z), encode(x, Bound(ABS, 1e-315)), encode(z, Bound(ABS, 1e-42))]
        back = [decode_like(expected[0], x), decode_like(expected[1], z)]
        after = ctypes.create_string_buffer(32)
        libm.fegetenv(after)
    finally:
        libm.fesetenv(host)
    assert again == expected
    assert back[0].tobytes() == x.tobytes() and back[1].tobytes() == z.tobytes()
    assert int.from_bytes(after.raw[28:32], "little") & 0x8040 == 0x8040
