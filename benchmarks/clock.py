"""Time of a call: processor time of all its threads, and what passed on the wall; the best of several."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Timing:
    cpu: float
    wall: float

    def rates(self, nbytes: int) -> dict[str, float]:
        """MB/s of processor time and of wall time."""
        return {"cpu": round(nbytes / self.cpu / 1e6, 2), "wall": round(nbytes / self.wall / 1e6, 2)}


def best(function: Callable[[], Any], times: int = 5, seconds: float = 4.0) -> tuple[Any, Timing]:
    """Run up to so many times, once at least and until so many seconds are over; the last result and the best times."""
    cpu, wall = [], []
    begun = time.perf_counter()
    while True:
        result = None  # so that two results are never in memory at a time
        busy, start = time.process_time(), time.perf_counter()
        result = function()
        cpu.append(max(time.process_time() - busy, 1e-9))
        wall.append(max(time.perf_counter() - start, 1e-9))
        if len(cpu) >= times or time.perf_counter() - begun > seconds:
            return result, Timing(min(cpu), min(wall))
