"""The process's model cache keeps the models used last; what somebody got from it stays whole when it leaves."""

from __future__ import annotations

import ctypes
import hashlib
import struct
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from abi import check, library

MODELS, BYTES = 256, 16 << 20  # what it may hold
numbers = count()


def model(size: int = 20, columns: int = 1) -> bytes:
    """A model of bounds alone, unlike all others, with about `size` bytes of description."""
    meta = b'{"number":%*d}' % (size, next(numbers))
    bounds = struct.pack("<I", columns) + columns * struct.pack("<Bd", 0, 0)
    sections = (b"META" + struct.pack("<Q", len(meta)) + meta, b"BNDS" + struct.pack("<Q", len(bounds)) + bounds)
    return b"BALERMDL" + struct.pack("<II", 1, 2) + b"".join(sections)


def add(file: bytes) -> bytes:
    check(library().baler_cache_add(file, ctypes.c_size_t(len(file)), ctypes.create_string_buffer(32)))
    return hashlib.sha256(file).digest()


def content(handle: int) -> bytes:
    size = ctypes.c_size_t()
    address = library().baler_model_bytes(ctypes.c_void_p(handle), ctypes.byref(size))
    return ctypes.string_at(address, size.value)


def there(digest: bytes) -> bool:
    handle = library().baler_cache_get(digest)
    if handle:
        assert hashlib.sha256(content(handle)).digest() == digest
        library().baler_model_release(handle)
    return bool(handle)


@pytest.fixture(autouse=True)
def empty() -> None:
    library().baler_cache_clear()


def test_the_models_used_last_stay() -> None:
    digests = [add(model()) for _ in range(MODELS)]
    assert there(digests[0])  # and is used now
    digests += [add(model()) for _ in range(10)]
    assert [there(d) for d in digests] == [True] + [False] * 10 + [True] * (MODELS - 1)


def test_large_models_leave_room_for_fewer() -> None:
    file = model(65_000, 1024)
    digests = [add(file)] + [add(model(65_000, 1024)) for _ in range(MODELS - 1)]
    stay = BYTES // len(file)
    assert stay < MODELS
    assert [there(d) for d in digests] == [False] * (MODELS - stay) + [True] * stay


def test_a_model_in_use_outlives_its_place() -> None:
    file = model()
    handle = library().baler_cache_get(add(file))
    for _ in range(MODELS):
        add(model())
    assert not there(hashlib.sha256(file).digest())
    assert content(handle) == file
    library().baler_model_release(handle)


def test_a_model_that_is_added_twice_takes_one_place() -> None:
    files = [model() for _ in range(MODELS - 1)]
    digests = [add(file) for file in files + files]
    assert all(there(d) for d in digests)


def test_threads_share_it() -> None:
    files = [model() for _ in range(MODELS + 20)]

    def work(i: int) -> bool:
        digest = add(files[i % len(files)])
        handle = library().baler_cache_get(digest)
        if handle:
            good = content(handle) == files[i % len(files)]
            library().baler_model_release(handle)
            return good
        return True  # pushed out by the others

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(2000)))
