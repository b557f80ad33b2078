"""Energy of a call, from the processor's own counters (RAPL) by way of codecarbon; None where there are none."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_COUNTERS = Path("/sys/class/powercap")
_SECONDS = 3.0  # the counters are read about once a second


@cache
def state() -> str:
    """Whether energy is measured, or why not. Estimates from a processor's rated power are no measurement."""
    if not any(_COUNTERS.glob("intel-rapl*")):
        return "not available: the machine shows no energy counters (RAPL)"
    if importlib.util.find_spec("codecarbon") is None:
        return "not available: codecarbon is not installed"
    return "measured: processor package, RAPL through codecarbon"


def per_gigabyte(function: Callable[[], Any], nbytes: int) -> float | None:
    """Joules for each 10^9 bytes that the call works on."""
    if not state().startswith("measured"):
        return None
    from codecarbon import OfflineEmissionsTracker  # type: ignore[import-not-found]

    tracker = OfflineEmissionsTracker(country_iso_code="CHE", save_to_file=False, log_level="error")
    tracker.start()
    calls, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < _SECONDS:
        function()
        calls += 1
    tracker.stop()
    return round(float(tracker.final_emissions_data.cpu_energy) * 3.6e6 / (calls * nbytes) * 1e9, 2)
