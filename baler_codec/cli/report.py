"""What `inspect` and `models show` say."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np

from .. import native, registry
from ..errors import ModelNotFoundError
from ..io.frames import Stored, open_stored
from ..model import Model
from . import fields


def inspect_model(source: str | os.PathLike[str]) -> dict[str, Any]:
    """Describe a model file."""
    model = registry.load(source)
    return {
        "kind": "model",
        "id": model.id,
        "bytes": len(model),
        "trained": model.trained,
        "latents": model.latents,
        "columns": _columns(model),
        "provenance": model.provenance,
        "metrics": model.metrics,
    }


def inspect_file(address: str, check: bool) -> dict[str, Any]:
    """Describe a compressed data set from its frames; nothing is decoded."""
    stored = open_stored(address)
    modes: Counter[str] = Counter()
    model_ids: Counter[str] = Counter()
    bounds: Counter[str] = Counter()
    records: set[tuple[native.FrameField, ...]] = set()
    frame_bytes = exceptions = unstable = values = 0
    for raw in stored.frames:
        frame = native.frame_info(raw, verify=check)
        modes[frame.mode] += 1
        frame_bytes += frame.frame_bytes
        exceptions += frame.n_exceptions
        unstable += not frame.stable
        items = 1
        if frame.model_id is not None:
            model_ids[frame.model_id] += 1
        elif frame.mode == "fields":
            numbers = native.frame_fields(raw)
            records.add(numbers)
            items = sum(f.elements for f in numbers if f.dtype.kind != "V")
        else:
            bounds[str(frame.bound)] += 1
        values += items * int(np.prod(frame.shape, dtype=np.int64))
    original = int(np.prod(stored.shape, dtype=np.int64)) * stored.dtype.itemsize
    model_list = [_model(stored, model_id, count) for model_id, count in model_ids.items()]
    model_bytes = sum(m.get("bytes", 0) for m in model_list)
    return {
        "kind": "data",
        "where": stored.where,
        "container": stored.container,
        "shape": list(stored.shape),
        "dtype": str(stored.dtype),
        "chunks": list(stored.chunks),
        "modes": dict(modes),
        "chunks_not_stored": stored.absent,
        "bounds_without_model": dict(bounds),
        "models": model_list,
        "fields": [fields.describe(stored.dtype, found) for found in sorted(records, key=repr)],
        "unbounded": modes["latent"] > 0,
        "stable": unstable == 0,
        "values": values,
        "exceptions": exceptions,
        "original_bytes": original,
        "frame_bytes": frame_bytes,
        "model_bytes": model_bytes,
        "file_bytes": stored.file_bytes,
        "ratio_online": _ratio(original, frame_bytes),
        "ratio_with_model": _ratio(original, frame_bytes + model_bytes),
        "ratio_file": _ratio(original, stored.file_bytes),
        "crc_checked": check,
        "readers": _readers(stored, model_list),
    }


def _ratio(original: int, stored: int) -> float | None:
    return round(original / stored, 4) if stored else None


def find_model(stored: Stored, model_id: str) -> Model | None:
    """Return a model that frames name: the file's own copy, else from where models are looked for."""
    if model_id in stored.models:
        return stored.models[model_id]
    try:
        return registry.find(model_id)
    except ModelNotFoundError:
        return None


def _model(stored: Stored, model_id: str, count: int) -> dict[str, Any]:
    model = find_model(stored, model_id)
    where = "in the file" if model_id in stored.models else "on this machine" if model else "not found"
    entry: dict[str, Any] = {"id": model_id, "frames": count, "where": where}
    if model is not None:
        entry |= {"bytes": len(model), "trained": model.trained, "latents": model.latents, "columns": _columns(model)}
    return entry


def _columns(model: Model) -> list[dict[str, str]]:
    names = model.columns or ("all",)
    return [
        {"name": name, "bound": str(bound), **({"unit": model.units[name]} if name in model.units else {})}
        for name, bound in zip(names, model.bounds, strict=True)
    ]


def _readers(stored: Stored, model_list: list[dict[str, Any]]) -> list[str]:
    elsewhere = [m["id"] for m in model_list if m["where"] != "in the file"]
    need = f", and the model {elsewhere[0][:19]}… installed" if elsewhere else ""
    if stored.container == "HDF5":
        return [
            f"h5py, PyTables, netCDF4, h5dump, all on libhdf5: HDF5_PLUGIN_PATH=baler_codec.hdf5.PLUGIN_PATH{need}",
            f"Python: import baler_codec.hdf5, then h5py.File(...)[...]{need}",
        ]
    module = "zarr 2 or later" if stored.container == "Zarr v2" else "zarr 3 or later"
    return [f"{module}, xarray, dask with baler-codec installed (no import is needed){need}"]


def text(found: dict[str, Any]) -> str:
    """Lay out what `inspect_file` or `inspect_model` found for people."""
    if found["kind"] == "model":
        lines = [
            f"model {found['id']}",
            f"  {found['bytes']} bytes, {'trained' if found['trained'] else 'bounds only'}",
        ]
        lines += [f"  {found['latents']} latents"] if found["latents"] else []
        lines += _column_lines(found["columns"])
        lines += [f"  {key}: {value}" for part in ("provenance", "metrics") for key, value in found[part].items()]
        return "\n".join(lines)
    shape = " x ".join(map(str, found["shape"])) or "one value"
    lines = [f"{found['where']}: {shape} {found['dtype']}, {found['container']}, chunks {tuple(found['chunks'])}"]
    modes = ", ".join(f"{count} {mode}" for mode, count in found["modes"].items()) or "none"
    absent = f"; {found['chunks_not_stored']} not stored (fill value)" if found["chunks_not_stored"] else ""
    lines.append(f"chunks by mode: {modes}{absent}")
    if found["unbounded"]:
        lines.append("no bound: latent-only (decoded values are estimates)")
    for bound, count in found["bounds_without_model"].items():
        lines.append(f"bound: {bound} for all values ({count} chunks)")
    for record in found["fields"]:
        width = max(len(f["name"]) for f in record)
        kind = max(len(f["dtype"]) for f in record)
        lines.append("records with the fields")
        lines += [f"  {f['name']:{width}}  {f['dtype']:{kind}}  {f['bound']}" for f in record]
    for model in found["models"]:
        about = (
            f"{model['bytes']} bytes, {'trained' if model['trained'] else 'bounds only'}, " if "bytes" in model else ""
        )
        lines.append(f"model {model['id']}: {about}{model['where']}, {model['frames']} chunks")
        lines += _column_lines(model.get("columns", []))
    if not found["stable"] and not found["unbounded"]:
        lines.append("not stable: encoding decoded values again may move them (inside the bound)")
    lines.append(f"exceptions: {found['exceptions']} of {found['values']} values stored exactly beside the lattice")
    lines.append(
        f"bytes: {found['original_bytes']} original, {found['frame_bytes']} in frames, "
        f"{found['model_bytes']} of model, {found['file_bytes']} the whole file"
    )
    lines.append(
        f"ratio: {found['ratio_online']} online (model not counted), {found['ratio_with_model']} with the model, "
        f"{found['ratio_file']} original / file"
    )
    lines.append("checked: the CRC of every frame" if found["crc_checked"] else "not checked: CRCs (give --check)")
    lines += [f"read with: {reader}" for reader in found["readers"]]
    return "\n".join(lines)


def _column_lines(columns: list[dict[str, str]]) -> list[str]:
    width = max((len(c["name"]) for c in columns), default=0)
    return [f"  {c['name']:{width}}  {c['bound']}{'  [' + c['unit'] + ']' if 'unit' in c else ''}" for c in columns]
