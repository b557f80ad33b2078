"""Importing the package is cheap and drags nothing in."""

import importlib.metadata
import subprocess
import sys

import pytest

import baler_codec


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout


def test_import_loads_neither_zarr_nor_h5py_nor_torch_nor_the_library():
    code = "import sys, baler_codec, baler_codec._binding as n; print(n._library); print(*sys.modules)"
    loaded = run(code).splitlines()
    assert loaded[0] == "None"
    for name in ("zarr", "h5py", "torch", "uproot", "typer", "tqdm"):
        assert name not in loaded[1].split()


def test_import_loads_nothing_beyond_numpy_numcodecs_and_the_standard_library():
    code = (
        "import numpy, numcodecs, sys; before = set(sys.modules); import baler_codec; print(*set(sys.modules) - before)"
    )
    others = {name.partition(".")[0] for name in run(code).split()} - {"baler_codec", "numpy", "numcodecs"}
    assert others <= set(sys.stdlib_module_names)
    heavy = {"asyncio", "concurrent", "multiprocessing", "unittest", "http", "email", "xml", "sqlite3", "tkinter"}
    assert not others & heavy


def test_at_most_twelve_public_names():
    public = [name for name in baler_codec.__all__ if not name.startswith("_")]
    assert len(public) <= 12


def test_unknown_attributes_are_refused_as_usual():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = baler_codec.nothing


def test_the_version_is_that_of_the_distribution():
    try:
        installed = importlib.metadata.version("baler-codec")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("baler-codec is not installed")
    assert baler_codec.__version__ == installed


def test_a_missing_library_says_what_to_do():
    code = (
        "import os; os.environ['BALER_LIBRARY'] = '/nonexistent.so'\n"
        "import baler_codec\n"
        "try: baler_codec.Baler().encode(b'x')\n"
        "except ImportError as e: print(e)"
    )
    assert "/nonexistent.so" in run(code) and "BALER_LIBRARY" in run(code)
