"""What the ways to the library cost beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import baler_codec as baler

from .bounds import Array
from .clock import best
from .speed_data import MODEL, jets


def adapters(size: int, times: int) -> dict[str, Any]:
    """What the ways to the library take beyond it, in percent of its own time; one chunk, in memory."""
    import h5py
    import zarr

    from baler_codec import native

    found: dict[str, Any] = {}
    table = jets(size).values
    model = baler.load(str(MODEL))
    for name, codec, code in (
        ("built-in", baler.Baler(bound="abs=1e-3"), {"bound": baler.ErrorBound("abs", 1e-3)}),
        ("cms_jets", baler.Baler(model), {"model": model.native()}),
    ):
        frame = np.frombuffer(codec.encode(table), np.uint8)
        handle = model.native() if name == "cms_jets" else None
        z2 = zarr.create_array(
            {}, shape=table.shape, chunks=table.shape, dtype="f4", zarr_format=2, compressors=codec, filters=None
        )
        z3 = zarr.create_array(
            {},
            shape=table.shape,
            chunks=table.shape,
            dtype="f4",
            compressors=None,
            serializer=baler.zarr.BalerCodec(codec),
        )
        plain = zarr.create_array({}, shape=table.shape, chunks=table.shape, dtype="f4", compressors=None)
        file = h5py.File(f"adapter-{name}", "w", driver="core", backing_store=False, rdcc_nbytes=0)
        arguments = {"shape": table.shape, "chunks": table.shape, "dtype": "f4"}
        filtered = file.create_dataset(
            "b", **arguments, **baler.hdf5.Baler(codec.model, bound=None if handle else codec.bound)
        )
        unfiltered = file.create_dataset("p", **arguments)

        def put(target: Any, values: Array = table) -> Callable[[], None]:
            def work() -> None:
                target[...] = values
                if hasattr(target, "file"):
                    target.file.flush()

            return work

        ways: dict[str, tuple[Callable[[], Any], Callable[[], Any], Any]] = {
            "numcodecs": (lambda c=codec: c.encode(table), lambda c=codec, f=frame: c.decode(f), None),
            "zarr 2": (put(z2), lambda z=z2: z[...], plain),
            "zarr 3": (put(z3), lambda z=z3: z[...], plain),
            "h5py": (put(filtered), lambda d=filtered: d[...], unfiltered),
        }
        base = _alternating(
            {
                "encode": lambda k=code: native.encode(table, **k),
                "decode": lambda f=frame, h=handle: native.decode(f, np.empty_like(table), model=h),
                **{f"{way} encode": w[0] for way, w in ways.items()},
                **{f"{way} decode": w[1] for way, w in ways.items()},
                **{f"{way} encode, without a codec": put(w[2]) for way, w in ways.items() if w[2] is not None},
                **{
                    f"{way} decode, without a codec": (lambda t=w[2]: t[...])
                    for way, w in ways.items()
                    if w[2] is not None
                },
            },
            3 * times,
        )
        entry: dict[str, Any] = {"native_ms": {k: round(1e3 * base[k], 2) for k in ("encode", "decode")}}
        for way in ways:
            for what in ("encode", "decode"):
                own = base[f"{way} {what}"] - base[what]
                container = base.get(f"{way} {what}, without a codec", 0.0)
                entry[f"{way}, {what}"] = {
                    "percent": round(100 * own / base[what], 1),
                    "percent_beyond_container": round(100 * (own - container) / base[what], 1),
                }
        found[name] = entry
    return found


def _alternating(functions: dict[str, Callable[[], Any]], times: int) -> dict[str, float]:
    """Best processor time of each; one after the other, so that none has the quiet moments for itself."""
    known = dict.fromkeys(functions, float("inf"))
    for _ in range(times + 1):
        for name, function in functions.items():
            known[name] = min(known[name], best(function, 1)[1].cpu)
    return known
