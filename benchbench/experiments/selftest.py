"""A backend beside itself, and beside itself slowed down: the minimum detectable slowdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from benchbench.errors import BenchbenchError
from benchbench.experiments.session import conduct
from benchbench.records import Variant
from benchbench.run.plan import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.compare.contrast import Contrast, Question
    from benchbench.compare.resolution import Resolution
    from benchbench.data.chosen import Chosen
    from benchbench.experiments.listener import Listener
    from benchbench.records import RunRecord
    from benchbench.run.plan import Cell
    from benchbench.run.store import Store
    from benchbench.spec.protocol import TrainingProtocol

_UNCERTIFIED = "a self-test compares a backend with itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """A cell and the fractions by which its copies are slowed down, `repeats` times compared."""

    cell: Cell
    slowdowns: tuple[float, ...]
    repeats: int
    blocks: int
    question: Question
    protocol: TrainingProtocol
    chosen: Chosen
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    timeout: float

    @property
    def title(self) -> str:
        cell = self.cell
        return (
            f"{cell.backend} {cell.division}, {cell.model.name} on {self.chosen.name}, "
            f"{self.protocol.epochs - 1} steady epochs a run"
        )

    def run(self, store: Store, listener: Listener) -> Resolution:
        """Hold the sessions and judge them. Raises BenchbenchError where a run failed."""
        from benchbench.compare.resolution import resolve

        copies = self._copies()
        found: dict[float, list[Contrast]] = {}
        for number in range(self.repeats):
            listener.note(f"comparison {number + 1} of {self.repeats}")
            session = Session(
                cells=copies,
                protocol=self.protocol,
                dataset=self.chosen,
                device=self.device,
                threads=self.threads,
                cpus=self.cpus,
                seed=0,
                certificates=tuple((copy, _UNCERTIFIED) for copy in copies),
            )
            records = conduct(session.blocks(self.blocks), store, self.timeout, listener)
            for slowdown, contrast in judged(records, self.question):
                found.setdefault(slowdown, []).append(contrast)
        return resolve(found, self.blocks, self.question)

    def _copies(self) -> tuple[Cell, ...]:
        """Return the cell, the same under another label, and a copy for every slow-down."""
        variants = [Variant("again")]
        variants += [Variant(f"{100 * one:g} % slower", slowdown=one) for one in self.slowdowns]
        copies = (msgspec.structs.replace(self.cell, variant=variant) for variant in variants)
        # An environment has a label too.
        return msgspec.structs.replace(self.cell, variant=None), *copies


def judged(records: Sequence[RunRecord], question: Question) -> list[tuple[float, Contrast]]:
    """Compare the copies of one session with the first of them; the fraction comes with each.

    Raises BenchbenchError where a run failed.
    """
    from benchbench.compare.contrast import contrast
    from benchbench.compare.verdicts import judge

    failed = [record for record in records if record.status != "ok"]
    if failed:
        raise BenchbenchError(f"{failed[0].run_id} was {failed[0].status}: {failed[0].error}")
    by_variant: dict[Variant | None, list[RunRecord]] = {}
    for record in sorted(records, key=lambda one: one.run_id):
        by_variant.setdefault(record.variant, []).append(record)
    baseline = by_variant.pop(None)
    found = []
    for variant, runs in by_variant.items():
        (one,) = judge([contrast(runs, baseline, question)], question)
        found.append((variant.slowdown if variant else 0.0, one))
    return found
