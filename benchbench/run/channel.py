"""The two pipes between the conductor and a worker.

Down comes the request, one JSON line, and then one byte for every turn: the baton. Up go events,
one JSON line each; whoever sends one that hands the baton back waits for the next byte. Both are
pipes of their own: what a framework prints cannot get in.

With the request comes a nonce. Every event carries it, and its own number in the sequence: so what
is written to the pipe by anybody but the worker's main loop is told from an event.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import select
from typing import BinaryIO

import msgspec

from benchbench.run.encoding import to_json
from benchbench.run.messages import Event, GaveUp, RunRequest
from benchbench.run.plausibility import oversized
from benchbench.spec.identity import canonical

_BATON = b"g"
# An event is some kilobytes; what a backend may state in one is cut before it is sent.
LINE_LIMIT_BYTES = 8 << 20
# Below lie the standard descriptors, which a worker's own take the place of.
_FIRST_DESCRIPTOR = 3


class ConductorGone(Exception):  # noqa: N818 - not an error of the worker's
    """The other end of the pipe is closed: nobody waits for this run any more."""


class NoEvent(Exception):  # noqa: N818 - what came, not a fault of this process
    """Something else than the next event came up the pipe; the message says what."""


class _Opening(msgspec.Struct):
    """What comes with the request; a conductor of an earlier checkout sends nothing."""

    nonce: str = ""


class _Seal(msgspec.Struct):
    """What comes with an event; a worker of an earlier checkout sends nothing."""

    nonce: str = ""
    sequence: int | None = None


class WorkerEnd:
    """A worker's end: reads the request and the baton, writes events."""

    def __init__(self, *, baton: int, events: int) -> None:
        # A process that a framework starts must not keep the pipes open after this one is dead.
        os.set_inheritable(baton, False)
        os.set_inheritable(events, False)
        self._baton: BinaryIO = os.fdopen(baton, "rb")
        self._events: BinaryIO = os.fdopen(events, "wb")
        self._pid = os.getpid()
        self._nonce = ""
        self._sequence = 0

    def request(self) -> RunRequest:
        """Read the request: the first line. Raises ConductorGone."""
        line = self._baton.readline()
        if not line.endswith(b"\n"):
            raise ConductorGone
        self._nonce = msgspec.json.decode(line, type=_Opening).nonce
        return msgspec.json.decode(line, type=RunRequest)

    def send(self, event: Event) -> None:
        """Write one event. Raises ConductorGone, and in a process that was forked from this one."""
        forked = os.getpid() != self._pid
        if forked:
            event = GaveUp("crashed", "a process that was forked from the worker went on in it")
        seal = {"nonce": self._nonce, "sequence": self._sequence}
        self._sequence += 1
        try:
            self._events.write(to_json(canonical(event) | seal) + b"\n")
            self._events.flush()
        except BrokenPipeError:
            raise ConductorGone from None
        if forked:
            raise ConductorGone

    def wait(self) -> None:
        """Block until it is this worker's turn. Raises ConductorGone."""
        if self._baton.read(1) != _BATON:
            raise ConductorGone

    def hand_over(self, event: Event) -> None:
        """Give the baton back with an event, and wait for it to return."""
        self.send(event)
        self.wait()


class ConductorEnd:
    """The conductor's end: sends the request and the baton, reads events. Owns its descriptors.

    `earlier`: the worker may be one of another checkout, whose events carry no nonce.
    """

    def __init__(self, *, earlier: bool = False) -> None:
        self.worker_baton, self._baton = _pipe()
        self._events, self.worker_events = _pipe()
        os.set_blocking(self._baton, False)
        self._nonce = secrets.token_hex(16)
        self._sealed: bool | None = None if earlier else True
        self._sequence = 0
        self._buffer = b""
        self._unsent = b""

    def close_worker_side(self) -> None:
        """Close the worker's descriptors here, so that its death closes the pipe."""
        os.close(self.worker_baton)
        os.close(self.worker_events)

    def send_request(self, request: RunRequest) -> None:
        """Send the request. A worker that is already dead is noticed when it is read from."""
        self._unsent += to_json(canonical(request) | {"nonce": self._nonce}) + b"\n"
        self.send_rest()

    def give_baton(self) -> None:
        """Let the worker go on."""
        self._unsent += _BATON
        self.send_rest()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._events

    @property
    def full(self) -> int | None:
        """The descriptor to wait on until there is room for the rest, None where there is none."""
        return self._baton if self._unsent else None

    def send_rest(self) -> None:
        """Send as much as there is room for: a worker that reads nothing must not block us."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._baton, self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent = b""  # the worker is dead; its end of the other pipe says so

    def read_event(self) -> Event | None:
        """Read what is there; return an event that is whole, None for more.

        Blocks only where nothing at all is there. Raises NoEvent, and EOFError at the end.
        """
        if b"\n" not in self._buffer:
            chunk = os.read(self._events, 1 << 16)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        line, newline, rest = self._buffer.partition(b"\n")
        if len(line) > LINE_LIMIT_BYTES:
            raise NoEvent(f"a line of more than {LINE_LIMIT_BYTES} bytes: {_shown(line)}")
        if not newline:
            return None
        self._buffer = rest
        return self._decode(line)

    def unasked(self) -> str:
        """Say what is on the pipe while the worker has nothing to say; empty where nothing is."""
        while len(self._buffer) < LINE_LIMIT_BYTES and select.select([self._events], [], [], 0)[0]:
            chunk = os.read(self._events, 1 << 16)
            if not chunk:
                break
            self._buffer += chunk
        return _shown(self._buffer) if self._buffer else ""

    def close(self) -> None:
        """Close this side."""
        os.close(self._baton)
        os.close(self._events)

    def _decode(self, line: bytes) -> Event:
        try:
            seal = msgspec.json.decode(line, type=_Seal)
            event: Event = msgspec.json.decode(line, type=Event)
            faults = [*oversized(event, "event")]
            to_json(event)  # what cannot be written down is no event
        # Nesting, and numbers that Python does not take: not all of it is an error of msgspec's.
        except Exception as error:
            raise NoEvent(f"{_shown(line)} ({type(error).__name__}: {error})") from None
        if faults:
            raise NoEvent(f"{_shown(line)} ({faults[0]})")
        if self._sealed is None:
            self._sealed = bool(seal.nonce)
        if self._sealed and seal.nonce != self._nonce:
            raise NoEvent(f"an event that is not from the worker's main loop: {_shown(line)}")
        if self._sealed and seal.sequence != self._sequence:
            raise NoEvent(
                f"event number {seal.sequence} where number {self._sequence} was next: "
                f"{_shown(line)}"
            )
        self._sequence += 1
        return event


def _shown(said: bytes) -> str:
    more = f" and {len(said) - 200} bytes more" if len(said) > 200 else ""
    return f"{said[:200]!r}{more}"


def _pipe() -> tuple[int, int]:
    """Make a pipe above the standard descriptors, which may be closed and free to be given out."""
    ends = os.pipe()
    try:
        out, into = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR) for end in ends)
    finally:
        for end in ends:
            os.close(end)
    return out, into
