"""A libhdf5 that reads chunks in threads of its own is never called from them; models come from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from hdf5_checks import Run

import baler_codec
from baler_codec import hdf5

HERE = Path(__file__).parent
READ = """
import ctypes, json, sys
words, own_thread = json.loads(sys.argv[1]), int(sys.argv[2])
plugin, library = ctypes.CDLL(sys.argv[3]), ctypes.CDLL("./libthreaded.so")
plugin.H5PLget_plugin_info.restype = ctypes.c_void_p
chunk, result = open("chunk", "rb").read(), ctypes.c_size_t()
calls = library.calls_while_reading(
    ctypes.c_void_p(plugin.H5PLget_plugin_info()), (ctypes.c_uint * len(words))(*words), ctypes.c_size_t(len(words)),
    chunk, ctypes.c_size_t(len(chunk)), own_thread, ctypes.byref(result),
)
print(calls, result.value)
"""


@pytest.fixture
def chunk(tmp_path: Path, table, model) -> list[int]:
    if shutil.which("g++") is None:
        pytest.skip("no g++: the library with threads cannot be built")
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("threads start in ASan's runtime: whose they are cannot be seen")
    command = ["g++", "-std=c++17", "-O1", "-shared", "-fPIC", "-pthread", "-fvisibility=hidden"]
    sources = [f"-I{HERE.parents[1] / 'filters/hdf5'}", str(HERE / "threaded_library.cc")]
    subprocess.run([*command, *sources, "-o", str(tmp_path / "libthreaded.so")], check=True)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = file.create_dataset("x", data=table, chunks=table.shape, **hdf5.Baler(model))
        words = list(dataset.id.get_create_plist().get_filter(0)[2])
    with h5py.File(tmp_path / "t.h5") as file:
        (tmp_path / "chunk").write_bytes(file["x"].id.read_direct_chunk((0, 0))[1])
    return words


def read(run: Run, words: list[int], own_thread: bool, **extra: str) -> tuple[int, int, str]:
    plugin = next(Path(hdf5.PLUGIN_PATH).glob("libh5baler.*"))
    done = run(
        [sys.executable, "-c", READ, json.dumps(words), str(int(own_thread)), str(plugin)],
        **extra,
    )
    assert done.returncode == 0, done.stderr
    calls, result = done.stdout.split()
    return int(calls), int(result), done.stderr


def test_a_thread_of_the_library_calls_nothing(chunk: list[int], run: Run) -> None:
    calls, result, text = read(run, chunk, own_thread=True)
    assert (calls, result) == (0, 0)
    assert "was not found" in text and "a thread of the library's own" in text


def test_a_thread_of_the_library_finds_models_in_folders(
    chunk: list[int], run: Run, tmp_path: Path, table, model: baler_codec.Model
) -> None:
    (tmp_path / f"{model.id.removeprefix('sha256:')}.baler").write_bytes(bytes(model))
    assert read(run, chunk, own_thread=True, BALER_MODEL_PATH=str(tmp_path))[:2] == (0, table.nbytes)


def test_a_thread_of_the_program_asks_hdf5(chunk: list[int], run: Run) -> None:
    calls, result, text = read(run, chunk, own_thread=False)
    assert calls > 2 and result == 0
    assert "HDF5 objects that are open" in text
