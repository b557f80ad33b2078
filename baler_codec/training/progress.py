"""The progress bar of a training, if tqdm is installed."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class Progress:
    """Told (steps done, steps in all, bits a row); shows them."""

    def __init__(self, shown: bool) -> None:
        self.bar: Any = None
        if shown:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self.bar = tqdm(total=None, unit="step", desc="train", dynamic_ncols=True, leave=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, done: int, total: int, bits: float) -> None:
        """Show how far the training is."""
        if self.bar is None:
            return
        if total and self.bar.total != total:
            self.bar.total = total
        self.bar.n = done
        self.bar.set_postfix_str(f"{bits:.2f} bits/row", refresh=False)
        self.bar.refresh()
