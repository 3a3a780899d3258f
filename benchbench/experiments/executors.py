"""Where blocks run: the protocol, and the executor that runs them on this machine.

A block, all its cells interleaved, runs on one machine, so a ratio is taken within one; executors
spread blocks. A plugin offers one by the hook `benchbench_executors`. What goes out is a session as
JSON (`session_to_json`), what comes back are records as JSON: no pickles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from benchbench.errors import BenchbenchError, PluginError, UsageError, nearest
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

    A plugin's executor works in this process: here alone a plugin is imported where the command
    runs. Raises UsageError for a name that is nothing, PluginError for a plugin's that cannot be
    made or cannot run blocks, and the BenchbenchError of a plugin whose cluster is not to be had.
    """
    if name == LOCAL:
        return LocalExecutor()
    if name not in registry.executors:
        registry.must_not_be_quarantined(name)
        known = (LOCAL, *registry.executors)
        raise UsageError(
            f"there is no executor '{name}'{nearest(name, known)} (known: {', '.join(known)})"
        )
    offer = registry.executors[name]
    try:
        executor = offer.item.create()
    except (BenchbenchError, KeyboardInterrupt):
        raise
    # A plugin is a stranger's code: what it raises, SystemExit too, is told with its name.
    except BaseException as error:
        raise PluginError(
            f"the executor '{name}' of {offer.distribution} cannot be made: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not callable(getattr(executor, "run", None)):
        raise PluginError(
            f"the executor '{name}' of {offer.distribution} must have a method `run`, but it is "
            f"{executor!r}"
        )
    made: Executor = executor
    return made
