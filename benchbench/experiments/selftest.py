"""A backend beside itself, and beside itself slowed down: the minimum detectable slowdown.

It is that of this machine, or, with an executor, of the machines that the blocks are spread over.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from benchbench.errors import BenchbenchError
from benchbench.experiments.matrix import Matrix, run_matrix
from benchbench.experiments.names import LOCAL
from benchbench.records import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.compare.contrast import Contrast, Question
    from benchbench.compare.resolution import Resolution
    from benchbench.data.chosen import Chosen
    from benchbench.experiments.listener import Listener
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.plan import Cell
    from benchbench.run.store import Store
    from benchbench.spec.protocol import TrainingProtocol

_UNCERTIFIED = "a self-test compares a backend with itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """A cell and the fractions by which its copies are slowed down, `repeats` times compared.

    `executor` and its options name what runs the blocks, as in `Matrix`.
    """

    cell: Cell
    slowdowns: tuple[float, ...]
    repeats: int
    blocks: int
    question: Question
    protocol: TrainingProtocol
    chosen: Chosen
    device: str
    threads: int | None
    timeout: float
    executor: str = LOCAL
    executor_options: str | None = None

    @property
    def title(self) -> str:
        cell = self.cell
        return (
            f"{cell.backend} {cell.division}, {cell.model.name} on {self.chosen.name}, "
            f"{self.protocol.epochs - 1} steady epochs a run"
        )

    def run(self, registry: Registry, store: Store, listener: Listener) -> Resolution:
        """Hold the sessions and judge them. Raises BenchbenchError where a run failed."""
        from benchbench.compare.resolution import resolve

        matrix = self._matrix()
        found: dict[float, list[Contrast]] = defaultdict(list)
        over_machines: list[list[Contrast]] = []
        for number in range(self.repeats):
            listener.note(f"comparison {number + 1} of {self.repeats}")
            _, records = run_matrix(matrix, registry, store, listener)
            by_slowdown: dict[float, list[Contrast]] = defaultdict(list)
            for slowdown, contrast in judged(records, self.question):
                by_slowdown[slowdown].append(contrast)
            for slowdown, contrasts in by_slowdown.items():
                found[slowdown] += contrasts
                over_machines += [contrasts] if len(contrasts) > 1 else []
        return resolve(found, self.blocks, self.question, over_machines)

    def _matrix(self) -> Matrix:
        return Matrix(
            cells=self._copies(),
            protocol=self.protocol,
            certified_protocol=None,
            not_certified=_UNCERTIFIED,
            dataset=self.chosen,
            device=self.device,
            threads=self.threads,
            seed=0,
            blocks=self.blocks,
            until=None,
            timeout_seconds=self.timeout,
            executor=self.executor,
            executor_options=self.executor_options,
        )

    def _copies(self) -> tuple[Cell, ...]:
        """Return the cell, the same under another label, and a copy for every slow-down."""
        variants = [Variant("again")]
        variants += [Variant(f"{100 * one:g} % slower", slowdown=one) for one in self.slowdowns]
        copies = (msgspec.structs.replace(self.cell, variant=variant) for variant in variants)
        # An environment has a label too.
        return msgspec.structs.replace(self.cell, variant=None), *copies


def judged(records: Sequence[RunRecord], question: Question) -> list[tuple[float, Contrast]]:
    """Compare the copies of one session with the first of them; the fraction comes with each.

    Of several machines each has comparisons of its own.

    Raises BenchbenchError where a run failed.
    """
    from benchbench.compare.contrast import contrast
    from benchbench.compare.validity import ending
    from benchbench.compare.verdicts import judge

    failed = [record for record in records if record.status != "ok"]
    if failed:
        raise BenchbenchError(f"the run {failed[0].run_id} {ending(failed[0])}")
    copies: dict[tuple[Variant | None, str | None], list[RunRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda one: one.run_id):
        copies[record.variant, record.machine.host].append(record)
    found = []
    for (variant, host), runs in copies.items():
        if variant is None:
            continue
        blocks = {run.block for run in runs}
        (one,) = judge([contrast(runs, copies[None, host], question, blocks)], question)
        found.append((variant.slowdown, one))
    return found
