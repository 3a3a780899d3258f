"""The two pipes between the conductor and a worker.

Down comes the request, one JSON line, and then one byte for every turn: the baton. Up go events,
one JSON line each; whoever sends one that hands the baton back waits for the next byte. Both are
pipes of their own: what a framework prints cannot get in.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import msgspec

from benchbench.records import Event, RunRequest
from benchbench.run.encoding import to_json

_BATON = b"g"


class ConductorGone(Exception):  # noqa: N818 - not an error of the worker's
    """The other end of the pipe is closed: nobody waits for this run any more."""


class WorkerEnd:
    """A worker's end: reads the request and the baton, writes events."""

    def __init__(self, *, baton: int, events: int) -> None:
        # A process that a framework starts must not keep the pipes open after this one is dead.
        os.set_inheritable(baton, False)
        os.set_inheritable(events, False)
        self._baton: BinaryIO = os.fdopen(baton, "rb")
        self._events: BinaryIO = os.fdopen(events, "wb")

    def request(self) -> RunRequest:
        """Read the request: the first line."""
        return msgspec.json.decode(self._baton.readline(), type=RunRequest)

    def send(self, event: Event) -> None:
        """Write one event."""
        try:
            self._events.write(to_json(event) + b"\n")
            self._events.flush()
        except BrokenPipeError:
            raise ConductorGone from None

    def wait(self) -> None:
        """Block until it is this worker's turn. Raises ConductorGone."""
        if self._baton.read(1) != _BATON:
            raise ConductorGone

    def hand_over(self, event: Event) -> None:
        """Give the baton back with an event, and wait for it to return."""
        self.send(event)
        self.wait()


class ConductorEnd:
    """The conductor's end: sends the request and the baton, reads events. Owns its descriptors."""

    def __init__(self) -> None:
        self.worker_baton, self._baton = os.pipe()
        self._events, self.worker_events = os.pipe()
        self._buffer = b""

    def close_worker_side(self) -> None:
        """Close the worker's descriptors here, so that its death closes the pipe."""
        os.close(self.worker_baton)
        os.close(self.worker_events)

    def send_request(self, request: RunRequest) -> None:
        """Send the request. A worker that is already dead is noticed when it is read from."""
        self._write(to_json(request) + b"\n")

    def give_baton(self) -> None:
        """Let the worker go on."""
        self._write(_BATON)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._events

    def read_line(self) -> bytes | None:
        """Read what is there; return a whole line, b"" at the end of the stream, None for more.

        Blocks only where nothing at all is there.
        """
        if b"\n" not in self._buffer:
            chunk = os.read(self._events, 1 << 16)
            if not chunk:
                return b""
            self._buffer += chunk
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        return line

    def close(self) -> None:
        """Close this side."""
        os.close(self._baton)
        os.close(self._events)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._baton, data) :]
        except BrokenPipeError:
            pass  # the worker is dead; its end of the other pipe says so
