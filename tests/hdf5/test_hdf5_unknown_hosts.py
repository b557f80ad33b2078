"""A program that shows no HDF5 functions (linked statically): here one that calls the filter without any HDF5."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from hdf5_checks import Run

from baler_codec import hdf5, native

HOST = """
import ctypes, sys
class Filter(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int), ("id", ctypes.c_int), ("encodes", ctypes.c_uint), ("decodes", ctypes.c_uint),
                ("name", ctypes.c_char_p), ("can_apply", ctypes.c_void_p), ("set_local", ctypes.c_void_p),
                ("filter", ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_uint, ctypes.c_size_t, ctypes.c_void_p,
                                            ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p))]
plugin, libc = ctypes.CDLL({library!r}), ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
plugin.H5PLget_plugin_info.restype = ctypes.POINTER(Filter)
plugin.baler_last_error.restype = ctypes.c_char_p
assert plugin.H5PLget_plugin_type() == 0
info = plugin.H5PLget_plugin_info().contents
assert (info.version, info.id, info.encodes, info.decodes) == (1, 35745, 1, 1)
def call(flags, words, data):
    pointer, size = ctypes.c_void_p(libc.malloc(len(data) or 1)), ctypes.c_size_t(len(data))
    ctypes.memmove(pointer, data, len(data))
    n = info.filter(flags, len(words), (ctypes.c_uint * len(words))(*words), len(data), ctypes.byref(size),
                    ctypes.byref(pointer))
    assert n <= size.value
    found = ctypes.string_at(pointer, n)
    libc.free(pointer)
    return found
words = {words}
"""


def test_the_recorded_address_is_enough(run: Run, tmp_path: Path, table, model) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("x", data=table, chunks=table.shape, **hdf5.Baler(model))
        (tmp_path / "chunk").write_bytes(dataset.id.read_direct_chunk((0, 0))[1])
        words = dataset.id.get_create_plist().get_filter(0)[2]
        (tmp_path / "wanted").write_bytes(dataset[()].tobytes())
    code = HOST.format(library=str(native.library_path()), words=words)
    code += """
assert call(0x100, words, open("chunk", "rb").read()) == b""
assert b"was not found" in plugin.baler_last_error()
file = open("t.h5", "rb")
import time; time.sleep(0.15)
assert call(0x100, words, open("chunk", "rb").read()) == open("wanted", "rb").read()
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_chunks_that_the_words_do_not_describe_are_not_written(run: Run, tmp_path: Path, table) -> None:
    """What could not be read back is left to HDF5, which stores it plain; without a description bytes are exact."""
    user = hdf5.Baler(bound="abs=1").filter_options
    words = (*user, ord("f"), 4, 0, 2, 10, 3, 0, 0, 0)
    (tmp_path / "data").write_bytes(np.ascontiguousarray(table).tobytes())
    code = HOST.format(library=str(native.library_path()), words=words)
    code += f"""
data = open("data", "rb").read()
assert call(0, words, data) == b""
assert b"describe chunks of 120 bytes" in plugin.baler_last_error()
assert call(0x100, words, call(0, words, data[:120])) != data[:120]
for some in ({user}, ()):
    assert call(0x100, some, call(0, some, data)) == data
assert call(0, (1,), data) == b"" == call(0x100, words, b"")
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
