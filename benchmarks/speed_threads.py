"""What a second thread gains: on independent chunks, and inside one call."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import baler_codec as baler

from .clock import best
from .isolate import ChildFailed, call
from .speed_data import flow, jets


def threads(size: int, chunks: int) -> dict[str, Any]:
    """Wall time of two threads beside one."""
    try:
        found: dict[str, Any] = call(_within, size, chunks, seconds=900)
        for version in (2, 3):
            # zarr keeps the pool of its first call, so that each number of threads needs a process of its own
            one, two = (call(_zarr, version, n, size, chunks, seconds=900) for n in (1, 2))
            for way in one:
                found[f"zarr {version}, {way}"] = _gain(one[way], two[way])
    except ChildFailed as failure:
        return {"failed": str(failure)}
    return found


def _gain(one: float, two: float) -> dict[str, Any]:
    return {"seconds": [round(one, 4), round(two, 4)], "gain": round(one / two, 3)}


def _zarr(version: int, n: int, size: int, chunks: int) -> dict[str, float]:
    import zarr

    one = jets(size).values
    table = np.concatenate([one] * chunks)
    codec = baler.Baler(bound="abs=1e-3")
    coded: dict[str, Any] = {"serializer": baler.zarr.BalerCodec(codec), "compressors": None}
    if version == 2:
        coded = {"zarr_format": 2, "compressors": codec, "filters": None}
    with tempfile.TemporaryDirectory() as folder, zarr.config.set({"async.concurrency": n, "threading.max_workers": n}):
        array = zarr.create_array(Path(folder) / "t", shape=table.shape, chunks=one.shape, dtype="f4", **coded)

        def write() -> None:
            array[...] = table

        return {
            "write": best(write, 3, 6.0)[1].wall,
            "read": best(lambda: array[...], 3, 6.0)[1].wall,
        }


def _within(size: int, chunks: int) -> dict[str, Any]:
    """All but zarr, in this process."""
    import h5py

    one = jets(size).values
    table = np.concatenate([one] * chunks)
    codec = baler.Baler(bound="abs=1e-3")
    found: dict[str, Any] = {"chunks": chunks, "chunk_bytes": one.nbytes}
    frames = [codec.encode(one)] * chunks

    def pooled(n: int, function: Callable[[Any], Any], items: list[Any]) -> None:
        with ThreadPoolExecutor(n) as pool:
            list(pool.map(function, items))

    ways: dict[str, Callable[[int], Any]] = {
        "numcodecs, thread pool, encode": lambda n: pooled(n, codec.encode, [one] * chunks),
        "numcodecs, thread pool, decode": lambda n: pooled(n, codec.decode, frames),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = h5py.File(Path(folder) / "t.h5", "w")
        arguments = {"shape": table.shape, "chunks": one.shape, "dtype": "f4"}
        dataset = file.create_dataset("t", **arguments, **baler.hdf5.Baler(bound="abs=1e-3"))
        ways["baler.hdf5.write"] = lambda n: baler.hdf5.write(dataset, table, threads=n)
        ways["baler.hdf5.read"] = lambda n: baler.hdf5.read(dataset, threads=n)

        def inside(function: Callable[[], Any]) -> Callable[[int], Any]:
            def work(n: int) -> Any:
                before = baler.set_threads(n)
                try:
                    return function()
                finally:
                    baler.set_threads(before)

            return work

        ways["threads inside one encode"] = inside(lambda: codec.encode(one))
        ways["threads inside one decode"] = inside(lambda: codec.decode(frames[0]))
        grid = flow(size).values
        once = baler.Baler(bound="abs=1e-3")
        frame = once.encode(grid)
        ways["threads inside one encode, grid"] = inside(lambda: once.encode(grid))
        ways["threads inside one decode, grid"] = inside(lambda: once.decode(frame))
        for name, way in ways.items():
            walls = {}
            for n in (1, 2):
                _, timing = best(lambda way=way, n=n: way(n), 3, 6.0)
                walls[n] = timing.wall
            found[name] = _gain(walls[1], walls[2])
        file.close()
    return found
