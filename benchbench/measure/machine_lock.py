"""One block at a time on a machine, whoever started it: a lock that dies with its holder."""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A name in Linux's abstract namespace: no file is left behind, and every user sees it.
_NAME = "\0benchbench-machine"
_LOOK_SECONDS = 0.5


@contextmanager
def machine_lock(
    *,
    name: str = _NAME,
    waiting: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold this machine while the block runs; `waiting` is told, once, if another has it.

    Without Linux's abstract sockets there is no lock.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        told = False
        while not _taken(held, name):
            if not told:
                waiting()
                told = True
            sleep(_LOOK_SECONDS)
        yield


def _taken(held: socket.socket, name: str) -> bool:
    try:
        held.bind(name)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True
