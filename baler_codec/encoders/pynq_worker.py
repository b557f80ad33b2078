"""The process that drives a board: what hangs there can be ended, and its Python may have another numpy."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import subprocess
import tempfile
import threading
import weakref
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from . import pynq_driver as driver

PYTHON = "BALER_PYNQ_PYTHON"
INSTALL = f"python3 -m venv DIR && DIR/bin/pip install 'pynq==4.0.0' 'numpy<2', then {PYTHON}=DIR/bin/python"
GRACE = 10.0  # seconds beyond the driver's own limit
_running: weakref.WeakValueDictionary[tuple[str, ...], Worker] = weakref.WeakValueDictionary()
_starting = threading.Lock()


def worker(python: str, asked: str, seconds: float) -> Worker:
    """Return the process that runs a `pynq_driver.Driver`; models with one encoder share it.

    Parameters
    ----------
    python : str
        The Python that runs it.
    asked : str
        What the driver is made with, JSON.
    seconds : float
        How long the start may take.
    """
    board = os.environ.get(driver.REMOTE, "").split(",")[0].strip()  # pynq takes the first one
    with _starting:
        known = _running.get((python, board, asked))
        if known is None or not known.alive:
            known = _running[python, board, asked] = Worker(python, board)
            known.ask(asked.encode(), 0, seconds)
        return known


class Worker:
    """A process that runs `pynq_driver`.

    Parameters
    ----------
    python : str
        The Python that runs it.
    board : str
        Where pynq looks for a board: one process of this machine at a time may use it.
    """

    def __init__(self, python: str, board: str) -> None:
        self._pid, self._python, self._answered = os.getpid(), python, False
        self._asking = threading.Lock()
        with contextlib.ExitStack() as opened:
            lock = opened.enter_context(_locked(board))
            log = self._log = opened.enter_context(tempfile.TemporaryFile())
            self._pipe, theirs = multiprocessing.Pipe()
            opened.enter_context(self._pipe)
            with theirs:
                # -I: the paths of this Python's packages are nothing for that one
                command = [python, "-I", driver.__file__, str(theirs.fileno())]
                try:
                    self._process = subprocess.Popen(
                        command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
                except OSError as error:
                    raise driver.PynqMissingError(f"{python} does not start ({error}); {INSTALL}") from error
            opened.pop_all()
        self._end = weakref.finalize(self, _end, self._pid, self._pipe, self._process, log, lock)

    @property
    def alive(self) -> bool:
        """Whether it can still be asked, by this process."""
        return self._end.alive and os.getpid() == self._pid

    def ask(self, message: bytes, size: int, seconds: float) -> bytes:
        """Send a message and return its answer, of so many bytes; after an error the process is ended."""
        if os.getpid() != self._pid:
            raise driver.BoardError(f"the board belongs to process {self._pid}, which opened it before the fork")
        with self._asking:
            if not self._end.alive:
                raise driver.ConnectionLostError("the process that drives the board has been ended")
            try:
                return self._ask(message, size, seconds)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(GRACE)
                text = f"the process that drives the board ended ({self._python}): {self._last_words()}"
                self._end()
                if self._answered:
                    raise driver.ConnectionLostError(text) from None
                raise driver.PynqMissingError(f"{text}; {INSTALL}") from None
            except BaseException:  # an interrupt too: its late answer would be taken for that to the next question
                self._end()
                raise

    def _ask(self, message: bytes, size: int, seconds: float) -> bytes:
        self._pipe.send_bytes(message)
        if not self._pipe.poll(seconds):
            raise driver.ConnectionLostError(f"the process that drives the board did not answer in {seconds:g} s")
        answer = self._pipe.recv_bytes(max(1 + size, driver.MOST_TEXT))
        if answer[:1] != b"\1":
            raise _error(answer[1:])
        if len(answer) != 1 + size:
            raise driver.ConnectionLostError(f"{len(answer) - 1} bytes of latents came back, not {size}")
        self._answered = True
        return answer[1:]

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _error(told: bytes) -> driver.BoardError:
    name, text = json.loads(told)
    kind = {kind.__name__: kind for kind in driver.BoardError.__subclasses__()}.get(name, driver.BoardError)
    return kind(f"{text}; {INSTALL}" if kind is driver.PynqMissingError else text)


def _locked(board: str) -> IO[bytes]:
    """Take the lock of a board: two processes at one DMA would get each other's latents."""
    import fcntl

    name = hashlib.sha256(board.encode()).hexdigest()[:16] if board else "here"
    path = Path(tempfile.gettempdir()) / f"baler-pynq-{name}.lock"
    lock = None
    try:
        lock = os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "rb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if lock is not None:
            lock.close()
        where = f"at {board}" if board else "here"
        raise driver.BoardBusyError(
            f"another process, or another encoder of this one, uses the board {where} ({path}: {error.strerror})"
        ) from None
    return lock


def _end(pid: int, pipe: Connection, process: subprocess.Popen[bytes], log: IO[bytes], lock: IO[bytes]) -> None:
    pipe.close()
    log.close()
    if os.getpid() == pid:
        try:
            process.wait(0.5)  # it ends by itself when the pipe does
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_UN)  # a forked process may hold the file too
    lock.close()
