"""What a compiler makes of an encoder, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import BalerError


class BuildError(BalerError):
    """A circuit or a simulation of one could not be built."""


def kept(what: str, kind: str, make: Callable[[Path], Path]) -> Path:
    """Return the file that `make` makes in a folder of its own, from the cache where it lies there already.

    Parameters
    ----------
    what : str
        All that the file depends on.
    kind : str
        Its suffix.
    make : callable
        Takes an empty folder and returns a file in it.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baler-codec" / "circuits"
    target = folder / (hashlib.sha256(what.encode()).hexdigest()[:32] + kind)
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            make(Path(work)).replace(target)
    return target


def call(command: list[str]) -> str:
    """Run a tool and return what it printed.

    Raises
    ------
    BuildError
        With the last lines, if it fails.
    """
    done = subprocess.run([shutil.which(command[0]) or command[0], *command[1:]], capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).splitlines()[-8:])
        raise BuildError(f"{command[0]} failed:\n{tail}")
    return done.stdout
