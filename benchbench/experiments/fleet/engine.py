"""What brings orders to nodes: the protocol that Slurm's and Dask's plugins implement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from benchbench.experiments.fleet.messages import BlockAnswer, Order
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.saved_plan import SavedPlan

JobPhase: TypeAlias = Literal["waiting", "running", "ended"]


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a job stands, in the engine's words.

    `reason` says why it waits, or why it ended otherwise than by itself; empty where it did.
    `elsewhere`: what ended it is the node's or the engine's doing, and another node may do better.
    `answer` is the node's, where it comes by the engine.
    """

    phase: JobPhase
    node: str = ""
    reason: str = ""
    elsewhere: bool = False
    answer: BlockAnswer | None = None


class EngineSilent(Exception):  # noqa: N818 - a state of the world, which may pass
    """The engine does not answer now. The message says what it said."""


class Engine(Protocol):
    """A batch system or a scheduler. A plugin's `ExecutorInfo.create` returns one.

    Jobs are named as the engine names them. Every method may raise a BenchbenchError.
    """

    def configure(self, options: str | None) -> str | None:
        """Take what `--executor-options` says; return it as a saved plan keeps it.

        What was returned once is given again when the session is resumed. Raises UsageError.
        """

    def check(self, plan: SavedPlan, book: OrderBook, blocks: int) -> None:
        """Look whether so many blocks can be submitted; called before anything is.

        Raises Unavailable where the engine is not there, UsageError for what it would refuse.
        """

    def submit(
        self,
        plan: SavedPlan,
        book: OrderBook,
        orders: Sequence[Order],
        *,
        avoid: Collection[str] = (),
    ) -> dict[int, str]:
        """Submit a job an order, on nodes but those to `avoid`; return their names by key."""

    def look(self, jobs: Mapping[int, str]) -> dict[int, JobState]:
        """Return where each job stands, by key. Raises EngineSilent where it cannot be told."""

    def cancel(self, jobs: Mapping[int, str]) -> None:
        """End the jobs: those that wait begin no more, those that run save what there is."""

    def can_detach(self) -> bool:
        """Say whether jobs go on, and their records are kept, when the command has ended."""

    def close(self) -> None:
        """Let go of connections. Called at the end, also after an error."""
