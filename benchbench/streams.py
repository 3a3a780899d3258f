"""Standard output and error that raise nothing: what is saved is not lost for want of a reader.

A closed pipe, a full disk or a character that the encoding lacks would else end a command from
within, at whichever line it printed just then.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Stream(io.RawIOBase):
    """Writes to a descriptor until that fails; from then on it drops what it gets.

    `failure` is the error that stopped it; that a reader has gone away is none.
    """

    failure: OSError | None = None

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._dropping = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer, /) -> int:
        while not self._dropping:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                self._dropping = True
                if error.errno != errno.EPIPE:
                    self.failure = error
        return memoryview(data).nbytes


@contextmanager
def safe_streams() -> Iterator[None]:
    """Put such streams in the place of `sys.stdout` and `sys.stderr`, where those are files.

    A character that their encoding lacks is written as its escape.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _safe(sys.stdout), _safe(sys.stderr, line_buffering=True)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def output_failure() -> OSError | None:
    """Return why what was printed so far did not reach standard output, None if it did."""
    if sys.stdout is None:
        return None
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, Stream) else None


def open_missing_streams() -> None:
    """Open /dev/null in the place of each standard descriptor that is closed (`>&-`).

    Else the next file that is opened takes its number, and what is meant for it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, stream)


def _safe(stream: TextIO, *, line_buffering: bool = False) -> TextIO:
    try:
        descriptor = stream.fileno()
    # None where the descriptor is closed; another's stream, in tests, has none.
    except (AttributeError, OSError, ValueError):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Stream(descriptor)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=line_buffering or stream.isatty(),
    )
