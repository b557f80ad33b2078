"""The command `baler`: errors are one line on stderr and exit status 2, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import BalerError

__all__ = ["main", "run"]


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0 done; 1 `verify` found a value outside its bound; 2 an error; 3 `verify` met data without a bound; 130
        interrupted.
    """
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "tqdm"):
            raise
        print('baler: the command line needs typer and tqdm: pip install "baler-codec[cli]"', file=sys.stderr)
        return 2
    try:
        status = app(list(arguments) if arguments is not None else None, prog_name="baler", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except (BalerError, OSError, ImportError, MemoryError) as error:
        return _fail(str(error) or type(error).__name__)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # errors of usage come from typer, whose class for them has moved between its releases
        message = getattr(error, "format_message", None)
        if message is not None:
            context = getattr(error, "ctx", None)
            return _fail(f"{message()} (see `{context.command_path if context else 'baler'} --help`)")
        if type(error).__name__ == "Abort":
            return 130
        return _fail(f"{type(error).__name__}: {error} (this is a defect of baler-codec: please report it)")


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())


def _fail(message: str) -> int:
    print("baler:", " ".join(message.split()), file=sys.stderr)
    return 2
