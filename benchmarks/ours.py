"""Our codec in the benchmark: real HDF5 files on disk, read back through h5py and checked like the peers.

"Baler …" counts the frames (the bytes that a peer's figure counts too: chunks without container or model);
"…, whole file" counts the file as it lies on disk, model, container and attributes included.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from .bounds import Array, Bound, keeps
from .isolate import ChildFailed, call


def run(
    values: Array, columns: list[str], bounds: list[Bound], models: list[Path], chunk_rows: int = 65536
) -> dict[str, dict[str, Any]]:
    """Baler with the built-in model, and with each trained model, at these bounds."""
    results: dict[str, dict[str, Any]] = {}
    for name, model in [("Baler built-in", None), *((f"Baler {m.stem}", m) for m in models)]:
        try:
            results |= call(_one, name, values, columns, bounds, model, chunk_rows)
        except ChildFailed as failure:
            results[name] = {"failed": str(failure)}
    return results


def _one(
    name: str, values: Array, columns: list[str], bounds: list[Bound], model: Path | None, chunk_rows: int
) -> dict[str, dict[str, Any]]:
    import h5py  # type: ignore[import-untyped]

    import baler_codec as baler

    wanted = [str(b) if b.kind == "exact" else f"{b.kind}={b.eps!r}" for b in bounds]
    used = baler.load(model).with_bound(wanted) if model else baler.Model.bounds_only(wanted, columns)
    chunks = (min(chunk_rows, len(values)), values.shape[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("table", data=values, chunks=chunks, **baler.hdf5.Baler(used))
        file_bytes = path.stat().st_size
        with h5py.File(path, "r") as file:
            dataset = file["table"]
            decoded = dataset[...]
            chunk_count = dataset.id.get_num_chunks()
            # HDF5 pads the last chunk with fill rows before the filter sees it; what is stored is what counts
            frames = [dataset.id.get_chunk_info(i).size for i in range(chunk_count)]
            used_filter = all(dataset.id.get_chunk_info(i).filter_mask == 0 for i in range(chunk_count))
    broken = [columns[j] for j, b in enumerate(bounds) if not keeps(values[:, j], decoded[:, j], b)]
    if broken or not used_filter:
        raise AssertionError(f"bound broken in {', '.join(broken)}" if broken else "the filter was skipped")
    codec = baler.Baler(used)
    first = values[:chunk_rows]
    encode, decode = [], []
    for _ in range(3):
        start = time.perf_counter()
        frame = codec.encode(first)
        middle = time.perf_counter()
        codec.decode(frame)
        encode.append(middle - start)
        decode.append(time.perf_counter() - middle)
    total = sum(frames)
    return {
        name: {
            "bytes": total,
            "ratio": round(values.nbytes / total, 4),
            "model_bytes": len(used) if used.trained else 0,
            "ratio_with_model": round(values.nbytes / (total + (len(used) if used.trained else 0)), 4),
            "modes": _modes(codec, values, chunk_rows),
            "encode_mb_s": round(first.nbytes / min(encode) / 1e6, 1),
            "decode_mb_s": round(first.nbytes / min(decode) / 1e6, 1),
        },
        f"{name}, whole file": {"bytes": file_bytes, "ratio": round(values.nbytes / file_bytes, 4)},
    }


def _modes(codec: Any, values: Array, chunk_rows: int) -> list[str]:
    import numpy as np

    from baler_codec import native

    frames = (codec.encode(values[i : i + chunk_rows]) for i in range(0, len(values), chunk_rows))
    return [native.frame_info(np.frombuffer(frame, np.uint8)).mode for frame in frames]
