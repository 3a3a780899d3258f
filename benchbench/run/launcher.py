"""How the conductor gets its workers: the protocol, and the launcher that starts processes."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from benchbench.plugins.registry import Registry, load_registry
from benchbench.run.environment import declared_there
from benchbench.run.messages import Event, RunRequest
from benchbench.run.plan import PlannedRun
from benchbench.run.process import WorkerProcess
from benchbench.run.turns import Turn


class Worker(Protocol):
    """A worker that has been launched. It trains only between `turn` and the event it returns."""

    @property
    def request(self) -> RunRequest:
        """The request that it was given, with the moment of its spawning."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its environment that can change what is measured."""

    @property
    def started(self) -> str:
        """When it was launched, in UTC."""

    @property
    def pid(self) -> int:
        """The id of its process."""

    @property
    def last_turn(self) -> Turn:
        """How its last turn went by the conductor's clock; before its first, how it started."""

    def turn(self) -> Event:
        """Let it go on, and wait for its next event."""

    def next_event(self) -> Event:
        """Wait for its next event. Its death, and the end of its time, is the event `GaveUp`."""

    def log(self) -> str:
        """Return what was printed in it so far."""

    def end(self) -> str:
        """Wait for its end after its last event; return what it said after that, mostly nothing."""

    def kill(self) -> None:
        """End it and all that it started, now."""

    def close(self) -> None:
        """End it if it is still there, and release what it held."""


class Launcher(Protocol):
    """Starts the worker of a run."""

    def launch(self, run: PlannedRun, *, timeout_seconds: float) -> Worker:
        """Start a worker; it may work for so long in all. Its first event is `Ready`."""


class ProcessLauncher:
    """Starts each worker as a process on this machine.

    The declaration of a run's backend is looked up by name in `registry`, by default that of the
    installed plugins; what runs under another Python brings its own.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self._given = registry

    def launch(self, run: PlannedRun, *, timeout_seconds: float) -> WorkerProcess:
        """Start the process. Raises UsageError for a backend that is not there."""
        name = run.request.backend
        info = declared_there(name, run.environment) or self._registry.backend(name)
        return WorkerProcess(run, info, timeout_seconds=timeout_seconds)

    @cached_property
    def _registry(self) -> Registry:
        return self._given or load_registry()
