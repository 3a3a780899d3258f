"""Where blocks run: the protocol, and the executor that runs them on this machine.

A block, all its cells interleaved, runs on one machine, so a ratio is taken within one; executors
spread blocks. A plugin offers one by the hook `benchbench_executors`. What goes out is a session as
JSON (`session_to_json`), what comes back are records as JSON: no pickles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from benchbench.errors import PluginError, UsageError, nearest
from benchbench.run.conductor import Conductor

if TYPE_CHECKING:
    from benchbench.experiments.listener import Listener
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.plan import Session
    from benchbench.run.store import Store

LOCAL = "local"


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
        conductor = Conductor(store=store, listener=listener, timeout=timeout_seconds)
        for number in numbers:
            yield from conductor.conduct(session.block(number))


def find_executor(name: str, registry: Registry) -> Executor:
    """Make the executor of this name: `local`, or a plugin's.

    Raises UsageError for a name that is nothing, PluginError for a plugin's that cannot run blocks,
    and what the plugin raises where its cluster is not to be had.
    """
    if name == LOCAL:
        return LocalExecutor()
    if name not in registry.executors:
        known = (LOCAL, *registry.executors)
        raise UsageError(
            f"there is no executor '{name}'{nearest(name, known)} (known: {', '.join(known)})"
        )
    offer = registry.executors[name]
    executor = offer.item.create()
    if not callable(getattr(executor, "run", None)):
        raise PluginError(
            f"the executor '{name}' of {offer.distribution} must have a method `run`, but it is "
            f"{executor!r}"
        )
    made: Executor = executor
    return made
