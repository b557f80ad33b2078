"""How far a training is: by steps, or by a time that is turned into steps once."""

from __future__ import annotations

import time
from collections.abc import Callable

Tell = Callable[[int, int, float], None]  # steps done, steps in all, bits a row
PROBE = 30


class Clock:
    """Counts steps. With a time instead of a number of steps, the speed of a few early steps fixes the number."""

    def __init__(self, steps: int | None, seconds: float | None) -> None:
        self.total = steps
        self.seconds = seconds or 0.0
        self.done = 0
        self.start = time.monotonic()
        self._probe = 0.0

    def running(self) -> bool:
        """Whether there is another step to do."""
        return self.total is None or self.done < self.total

    def part(self) -> float:
        """How much of the training is behind, 0 … 1; 0 as long as the number of steps is not known."""
        return self.done / self.total if self.total else 0.0

    def tick(self) -> None:
        """One step is done."""
        self.done += 1
        if self.total is not None:
            return
        now = time.monotonic()
        # the very first steps are slow
        if self.done == PROBE:
            self._probe = now
        if self.done == 2 * PROBE:
            left = self.seconds - (now - self.start)
            self.total = self.done + max(0, int(0.95 * left * PROBE / (now - self._probe)))
        elif now - self.start > self.seconds:
            self.total = self.done
