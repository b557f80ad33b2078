"""A call in a child process of its own, because some peers crash, hang or ask for all of the memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class ChildFailed(Exception):
    """The child raised, crashed or ran out of time; the text says which."""


def _work(send: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        send.send((True, function(*args)))
    except BaseException as error:
        send.send((False, f"{type(error).__name__}: {error}"))


def call(function: Callable[..., Any], *args: Any, seconds: float = 600) -> Any:
    """Return function(*args), computed in a forked child."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(False)
    child = context.Process(target=_work, args=(send, function, args), daemon=True)
    child.start()
    send.close()
    try:
        if not receive.poll(seconds):
            raise ChildFailed(f"no answer within {seconds:.0f} s")
        ok, result = receive.recv()
    except EOFError:
        child.join(10)
        raise ChildFailed(f"crashed (exit code {child.exitcode})") from None
    finally:
        if child.is_alive():
            child.join(1)
            child.terminate()
        child.join()
    if not ok:
        raise ChildFailed(result)
    return result
