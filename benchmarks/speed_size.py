"""Cost of chunks of growing size, and the entropy coder nearly alone."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import baler_codec as baler

from .clock import best
from .isolate import call
from .speed_data import MIB, Case


def sized(case: Callable[[int], Case], size: int, model: Path | None) -> dict[str, Any]:
    """Processor time a MiB, and the most memory beside input and output; each way in a process of its own."""
    frame, encoding = call(_encoding, case, size, model, seconds=900)
    return {**encoding, **call(_decoding, frame, model, seconds=900)}


def _encoding(case: Callable[[int], Case], size: int, model: Path | None) -> tuple[bytes, dict[str, float]]:
    values = case(size).values
    codec = _codec(model)
    codec.encode(values[:2])
    before = _peak_mib(reset=True)
    frame, timing = best(lambda: codec.encode(values), 3, 1.0)
    mib = values.nbytes / MIB
    used = _peak_mib() - before
    return frame, {"encode_ms_per_mib": round(1e3 * timing.cpu / mib, 2), "encode_memory_mib": round(max(used, 0), 1)}


def _decoding(frame: bytes, model: Path | None) -> dict[str, float]:
    codec = _codec(model)
    codec.decode(codec.encode(np.zeros((2, 24), np.float32)))
    before = _peak_mib(reset=True)
    decoded, timing = best(lambda: codec.decode(frame), 3, 1.0)
    mib = decoded.nbytes / MIB
    used = _peak_mib() - before - mib
    return {"decode_ms_per_mib": round(1e3 * timing.cpu / mib, 2), "decode_memory_mib": round(max(used, 0), 1)}


def _codec(model: Path | None) -> baler.Baler:
    return baler.Baler(str(model)) if model else baler.Baler(bound="abs=1e-3")


def _peak_mib(reset: bool = False) -> float:
    """The most memory so far; with `reset`, since now (Linux)."""
    if reset and sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
            status = Path("/proc/self/status").read_text()
            return int(status.split("VmRSS:")[1].split()[0]) / 1024
        except OSError:
            pass
    if sys.platform == "linux":
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def entropy(size: int, times: int) -> dict[str, Any]:
    """Independent numbers of a normal distribution, 5.6 bits each, in one column."""
    rng = np.random.default_rng(3)
    values = np.rint(rng.normal(0, 12, size)).astype(np.int16)
    codec = baler.Baler()
    frame, encode = best(lambda: codec.encode(values), times)
    _, decode = best(lambda: codec.decode(frame), times)
    counts = np.bincount(values - values.min())
    p = counts[counts > 0] / values.size
    return {
        "bits_per_symbol": round(8 * len(frame) / values.size, 4),
        "entropy_bits": round(float(-(p * np.log2(p)).sum()), 4),
        "encode_million_symbols_s": round(values.size / encode.cpu / 1e6, 1),
        "decode_million_symbols_s": round(values.size / decode.cpu / 1e6, 1),
    }
