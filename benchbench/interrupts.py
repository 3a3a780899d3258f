"""Signals that end a run, held back while what must be whole is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Hold back Ctrl-C and the like; pass on the first that came, once the block is over.

    Python hears signals in its main thread only: in another there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    before = {}
    try:
        for ending in _ENDING:
            handler = signal.getsignal(ending)
            # One that is ignored or left to the system is none of Python's.
            if callable(handler):
                before[ending] = handler
                signal.signal(ending, lambda *signalled: came.append(signalled))
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        if came:
            number, frame = came[0]
            before[signal.Signals(number)](number, frame)


def ignore_interrupts() -> None:
    """Ignore them from now on: this process has only to say what was saved, and to end."""
    for ending in _ENDING:
        signal.signal(ending, signal.SIG_IGN)
