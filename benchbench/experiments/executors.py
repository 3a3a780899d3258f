"""Where blocks run: the protocol, and the executor that runs them on this machine.

A block, all its cells interleaved, runs on one machine, so a ratio is taken within one; executors
spread blocks. A plugin offers one by the hook `benchbench_executors`: an `Executor`, or an `Engine`
(`fleet.engine`), which brings orders to nodes and leaves the rest to the core. What goes out is a
session as JSON (`session_to_json`), what comes back are records as JSON: no pickles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchbench.errors import PluginError, UsageError, nearest
from benchbench.experiments.blame import told_by_name
from benchbench.experiments.fleet.executor import FleetExecutor
from benchbench.experiments.names import LOCAL
from benchbench.records import RunRecord
from benchbench.run.conductor import Conductor
from benchbench.run.monitor import MachineMonitor

if TYPE_CHECKING:
    from benchbench.experiments.listener import Listener
    from benchbench.plugins.registry import Registry
    from benchbench.run.plan import Session
    from benchbench.run.store import Store


class Executor(Protocol):
    """Runs blocks of a session somewhere."""

    def run(
        self,
        session: Session,
        numbers: Iterable[int],
        *,
        store: Store,
        listener: Listener,
        timeout_seconds: float,
    ) -> Iterator[RunRecord]:
        """Run the blocks of these numbers; yield each record once it is saved in the store.

        `timeout_seconds` of work are given to each run.
        """


class LocalExecutor:
    """Runs the blocks here, one after another."""

    def run(
        self,
        session: Session,
        numbers: Iterable[int],
        *,
        store: Store,
        listener: Listener,
        timeout_seconds: float,
    ) -> Iterator[RunRecord]:
        monitor = MachineMonitor(include_host=session.include_host)
        conductor = Conductor(
            store=store, listener=listener, timeout=timeout_seconds, monitor=monitor
        )
        for number in numbers:
            yield from conductor.conduct(session.block(number))


def find_executor(
    name: str, registry: Registry, options: str | None = None
) -> Executor | FleetExecutor:
    """Make the executor of this name: `local`, or a plugin's. `options` are for an engine.

    A plugin's executor works in this process: here alone a plugin is imported where the command
    runs. Raises UsageError for a name that is nothing and for options that make no sense,
    PluginError for a plugin's that cannot be made or cannot run blocks, and the BenchbenchError of
    a plugin whose cluster is not to be had.
    """
    if name == LOCAL:
        _must_have_none(name, options)
        return LocalExecutor()
    if name not in registry.executors:
        registry.must_not_be_quarantined(name)
        known = (LOCAL, *registry.executors)
        raise UsageError(
            f"there is no executor '{name}'{nearest(name, known)} (known: {', '.join(known)})"
        )
    offer = registry.executors[name]
    owner = f"the executor '{name}' of {offer.distribution}"
    with told_by_name(owner):
        made = offer.item.create()
        if callable(getattr(made, "submit", None)):
            return FleetExecutor(made, owner, made.configure(options))
    if not callable(getattr(made, "run", None)):
        raise PluginError(f"{owner} must have a method `run`, but it is {made!r}")
    _must_have_none(name, options)
    return _PluginExecutor(made, owner)


def _must_have_none(name: str, options: str | None) -> None:
    if options is not None:
        raise UsageError(
            f"--executor-options {options}: the executor '{name}' takes none; leave them out, or "
            f"name the --executor they are for"
        )


@dataclass(frozen=True, slots=True)
class _PluginExecutor:
    """A plugin's executor; what it raises, and what it yields that is no record, has its name."""

    executor: Executor
    owner: str

    def run(
        self,
        session: Session,
        numbers: Iterable[int],
        *,
        store: Store,
        listener: Listener,
        timeout_seconds: float,
    ) -> Iterator[RunRecord]:
        options = {"store": store, "listener": listener, "timeout_seconds": timeout_seconds}
        with told_by_name(self.owner):
            records: Any = iter(self.executor.run(session, numbers, **options))  # type: ignore[arg-type]
        while True:
            with told_by_name(self.owner):
                record = next(records, None)
            if record is None:
                return
            if not isinstance(record, RunRecord):
                raise PluginError(f"{self.owner} must yield records, but yielded {record!r:.200}")
            yield record
