"""A worker as the conductor sees it: a process in a session of its own, two pipes, a log."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from benchbench.children import ending
from benchbench.measure.clock import now_ns, utc_now
from benchbench.plugins.contract import BackendInfo
from benchbench.process_tree import ProcessTree
from benchbench.records import Status
from benchbench.run.channel import ConductorEnd, NoEvent
from benchbench.run.environment import noted, worker_environment
from benchbench.run.excerpt import file_excerpt
from benchbench.run.messages import Event, GaveUp
from benchbench.run.plan import PlannedRun
from benchbench.run.turns import Turn

# So long may a process that has closed its pipe take to die, with all its memory.
_DYING_SECONDS = 15
# After its last event a worker only has to end; frameworks take a second or two for that.
_FAREWELL_SECONDS = 60
# The system's calls take no more than some weeks.
_LONGEST_WAIT_SECONDS = 86_400.0
_VMSTAT = Path("/proc/vmstat")


class WorkerProcess:
    """One spawned worker. `turn` gives it the baton and waits for what it says."""

    def __init__(self, run: PlannedRun, info: BackendInfo, *, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._held_seconds = 0.0
        self._oom_kills = _oom_kills()
        with ExitStack() as resources:
            # What a run may have done to its home is no reason to lose its record.
            home = tempfile.TemporaryDirectory(prefix="benchbench-", ignore_cleanup_errors=True)
            folder = Path(resources.enter_context(home))
            self._log = folder / "worker.log"
            environment = worker_environment(
                os.environ,
                info=info,
                threads=run.request.threads,
                home=folder,
                place=run.environment,
            )
            self.environment = noted(environment, info.notes, home=folder)
            self.started = utc_now()
            self.request = msgspec.structs.replace(run.request, spawned_ns=now_ns())
            self._since_ns = self.request.spawned_ns
            self.last_turn = Turn(0.0)
            self._channel = ConductorEnd(earlier=bool(run.environment.import_path))
            resources.callback(self._channel.close)
            try:
                self._tree = self._spawn(run.environment.python or sys.executable, environment)
            finally:
                self._channel.close_worker_side()
            resources.callback(self._tree.end)
            self._process = self._tree.process
            self._death = _death_of(self._process.pid)
            if self._death is not None:
                resources.callback(os.close, self._death)
            self._resources = resources.pop_all()
        self._channel.send_request(self.request)

    @property
    def pid(self) -> int:
        """The worker's process id, and that of its session."""
        return self._process.pid

    def turn(self) -> Event:
        """Give the baton, sleep until it comes back. A death or a hang comes back as `GaveUp`."""
        if said := self._channel.unasked():
            self.kill()
            return GaveUp(
                "crashed",
                f"the worker wrote something that is not an event, out of its turn: {said}",
            )
        self._was_stopped()  # between turns, which does no harm
        self._since_ns = now_ns()
        self._channel.give_baton()
        return self.next_event()

    def next_event(self) -> Event:
        """Sleep until the worker says something, dies, or has used up its time."""
        try:
            event = self._next_event()
        except NoEvent as error:
            self.kill()
            event = GaveUp("crashed", f"the worker wrote something that is not an event: {error}")
        finally:
            seconds = (now_ns() - self._since_ns) / 1e9
            self._held_seconds += seconds
        self.last_turn = Turn(seconds, self._was_stopped())
        return event

    def log(self) -> str:
        """Return what the worker's framework printed so far, without the middle of very much."""
        with suppress(OSError):
            return file_excerpt(self._log)
        return ""

    def end(self) -> str:
        """Wait for the end after the last event, and end what is left.

        Returns what the worker said after its last event, an empty string if nothing.
        """
        try:
            return self._farewell()
        finally:
            self.kill()

    def kill(self) -> None:
        """End the worker and whatever it started, now."""
        self._tree.end()

    def close(self) -> None:
        """Kill what is left and give everything back."""
        self._resources.close()

    def _spawn(self, python: str, environment: dict[str, str]) -> ProcessTree:
        command = [
            *(python, "-m", "benchbench.run.worker"),
            *("--baton", str(self._channel.worker_baton)),
            *("--events", str(self._channel.worker_events)),
        ]
        with self._log.open("wb") as log:
            return ProcessTree(
                command,
                environment=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._channel.worker_baton, self._channel.worker_events),
            )

    def _next_event(self) -> Event:
        deadline = self._since_ns + (self._timeout - self._held_seconds) * 1e9
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            if self._death is not None:
                selector.register(self._death, selectors.EVENT_READ)
            if self._channel.full is not None:
                selector.register(self._channel.full, selectors.EVENT_WRITE)
            while (left := (deadline - now_ns()) / 1e9) > 0:
                # One blocking wait: the conductor uses no CPU while a worker is at work.
                ready = [
                    key.fileobj for key, _ in selector.select(min(left, _LONGEST_WAIT_SECONDS))
                ]
                if self._channel in ready:
                    try:
                        event = self._channel.read_event()
                    except EOFError:
                        return self._died(left)
                    if event is not None:
                        return event
                elif self._death in ready:
                    # Where another process holds the pipe, it stays open.
                    return self._died(left)
                elif ready:
                    writing = self._channel.full
                    self._channel.send_rest()
                    if self._channel.full is None and writing is not None:
                        selector.unregister(writing)
        stopped = " (a signal has stopped the worker)" if self._was_stopped() else ""
        self.kill()
        reason = f"no answer within the time limit of {self._timeout:g} s (--timeout){stopped}"
        return GaveUp("timeout", reason)

    def _died(self, left: float) -> GaveUp:
        try:
            code = self._process.wait(min(left, _DYING_SECONDS))
        except subprocess.TimeoutExpired:
            self.kill()
            return GaveUp("crashed", "the worker closed its pipe of events and did not end")
        status: Status = "crashed"
        reason = f"the worker {ending(code)}"
        if code >= 0:
            reason += " before it was done"
        elif code == -9 and _oom_kills() > self._oom_kills:
            status, reason = "oom", f"{reason}: the system ran out of memory"
        return GaveUp(status, reason)

    def _farewell(self) -> str:
        deadline = now_ns() + _FAREWELL_SECONDS * 1e9
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            if self._death is not None:
                selector.register(self._death, selectors.EVENT_READ)
            while (left := (deadline - now_ns()) / 1e9) > 0 and selector.get_map():
                if said := self._channel.unasked():
                    return said
                ready = [key.fileobj for key, _ in selector.select(left)]
                if self._death in ready:
                    return self._channel.unasked()
                if self._channel in ready and not self._channel.unasked():  # at its end
                    selector.unregister(self._channel)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, left))
        return ""

    def _was_stopped(self) -> bool:
        """Say whether a signal has stopped the worker, or let it go on, since the last call."""
        if not hasattr(os, "waitid"):
            return False
        changes = os.WSTOPPED | os.WCONTINUED | os.WNOHANG
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self._process.pid, changes) is not None
        return False


def _death_of(pid: int) -> int | None:
    """Return a descriptor that can be read from when the process has ended, if there are such."""
    if not hasattr(os, "pidfd_open"):
        return None
    with suppress(OSError):
        return os.pidfd_open(pid)
    return None


def _oom_kills() -> int:
    """Return how many processes the kernel has killed for want of memory; 0 if it does not say."""
    with suppress(OSError):
        for line in _VMSTAT.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
