"""A worker as the conductor sees it: a process in a session of its own, two pipes, a log."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from benchbench.measure.clock import now_ns, utc_now
from benchbench.plugins.contract import BackendInfo
from benchbench.records import Event, Finished, GaveUp, Status
from benchbench.run.channel import ConductorEnd
from benchbench.run.environment import noted, worker_environment
from benchbench.run.plan import PlannedRun

# After its last event a worker only has to end; frameworks take a second or two for that.
_FAREWELL_SECONDS = 60
_VMSTAT = Path("/proc/vmstat")


class WorkerProcess:
    """One spawned worker. `turn` gives it the baton and waits for what it says."""

    def __init__(self, run: PlannedRun, info: BackendInfo, *, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._held_seconds = 0.0
        self._home = tempfile.TemporaryDirectory(prefix="benchbench-")
        self._log = Path(self._home.name) / "worker.log"
        self._oom_kills = _oom_kills()
        environment = worker_environment(
            os.environ,
            info=info,
            threads=run.request.threads,
            home=Path(self._home.name),
            import_path=run.environment.import_path,
            variables=run.environment.variables,
        )
        self.environment = noted(environment, info.notes)
        self.started = utc_now()
        self.request = msgspec.structs.replace(run.request, spawned_ns=now_ns())
        self._channel = ConductorEnd()
        command = [
            *(run.environment.python or sys.executable, "-m", "benchbench.run.worker"),
            *("--baton", str(self._channel.worker_baton)),
            *("--events", str(self._channel.worker_events)),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(self._channel.worker_baton, self._channel.worker_events),
                # A session of its own: Ctrl-C is for the conductor, which then ends them all.
                start_new_session=True,
            )
        self._channel.close_worker_side()
        self._channel.send_request(self.request)

    @property
    def pid(self) -> int:
        """The worker's process id, and that of its session."""
        return self._process.pid

    def turn(self) -> Event:
        """Give the baton, sleep until it comes back. A death or a hang comes back as `GaveUp`."""
        self._channel.give_baton()
        return self.next_event()

    def next_event(self) -> Event:
        """Sleep until the worker says something, dies, or has used up its time."""
        since = now_ns()
        try:
            event = self._next_event()
        finally:
            self._held_seconds += (now_ns() - since) / 1e9
        if isinstance(event, Finished | GaveUp):
            self._end()
        return event

    def log(self) -> str:
        """Return what the worker's framework printed so far."""
        with suppress(OSError):
            return self._log.read_text(errors="replace")
        return ""

    def kill(self) -> None:
        """End the worker and whatever it started, now."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kill what is left and give everything back."""
        self.kill()
        self._channel.close()
        self._home.cleanup()

    def _next_event(self) -> Event:
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            deadline = now_ns() + (self._timeout - self._held_seconds) * 1e9
            while True:
                # One blocking wait: the conductor uses no CPU while a worker is at work.
                if not selector.select(max(0.0, (deadline - now_ns()) / 1e9)):
                    self.kill()
                    reason = f"no answer within the time limit of {self._timeout:g} s (--timeout)"
                    return GaveUp("timeout", reason)
                line = self._channel.read_line()
                if line == b"":
                    return self._died()
                if line is not None:
                    return self._decode(line)

    def _decode(self, line: bytes) -> Event:
        try:
            event: Event = msgspec.json.decode(line, type=Event)
        except msgspec.MsgspecError as error:
            self.kill()
            return GaveUp("crashed", f"the worker said what is no event ({error}): {line[:200]!r}")
        return event

    def _died(self) -> GaveUp:
        code = self._process.wait()
        status: Status = "crashed"
        if code < 0:
            name = signal.Signals(-code).name
            reason = f"the worker was killed by signal {-code} ({name})"
            if -code == signal.SIGKILL and _oom_kills() > self._oom_kills:
                status, reason = "oom", f"{reason}: the system ran out of memory"
        else:
            reason = f"the worker ended with exit code {code} before it was done"
        return GaveUp(status, reason)

    def _end(self) -> None:
        try:
            self._process.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


def _oom_kills() -> int:
    """Return how many processes the kernel has killed for want of memory; 0 if it does not say."""
    with suppress(OSError):
        for line in _VMSTAT.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
