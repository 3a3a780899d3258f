"""The outcome test over cells: which runs of a cell count, and where each cell stands."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from benchbench.compare.contrast import cold_total_seconds
from benchbench.compare.equivalence import OutcomeTest, OutcomeVerdict, judge_outcome
from benchbench.compare.metrics import tested_metric
from benchbench.records import RunRecord
from benchbench.spec.losses import ACCURACY, Metric

Standing: TypeAlias = OutcomeVerdict | Literal["REFERENCE", "INCOMPLETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRuns:
    """The runs of one cell that count, by seed, and the seeds that have none, with the reason."""

    model: str
    dataset: str
    backend: str
    division: str
    finished: Mapping[int, RunRecord]
    lacking: Mapping[int, str]
    metric: Metric = ACCURACY

    @property
    def name(self) -> str:
        return f"{self.backend} {self.division}"

    @property
    def accuracies(self) -> dict[int, float]:
        """The test metric by seed in ascending order; accuracies are fractions."""
        return {
            seed: value
            for seed, run in sorted(self.finished.items())
            if (value := tested_metric(run)) is not None
        }


class OutcomeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cell: its accuracies, or another `metric`, by seed, and where it stands.

    `process_seconds` is the wall time of the processes that trained it. The reference itself is not
    tested. INCOMPLETE, without a test, is a cell where a seed of its own or of the reference has no
    finished run: to test the rest would be to choose among the seeds.
    """

    model: str
    dataset: str
    backend: str
    division: str
    standing: Standing
    reason: str
    accuracies: dict[int, float]
    mean: float | None
    sd: float | None
    process_seconds: float
    test: OutcomeTest | None = None
    metric: Metric = ACCURACY


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that one command found out; `trained_now` counts the runs that were not there before."""

    reference: str
    reference_division: str
    dataset: str
    dataset_sha256: str | None
    seeds: int
    trained_now: int
    rows: tuple[OutcomeRow, ...]

    @property
    def holds(self) -> bool:
        """Whether every cell is equivalent to the reference."""
        return all(row.standing in {"REFERENCE", "EQUIVALENT"} for row in self.rows)


def reference_row(cell: CellRuns) -> OutcomeRow:
    """Return the row of the reference."""
    if cell.lacking:
        return _row(cell, "INCOMPLETE", _lacking(cell))
    return _row(cell, "REFERENCE", "the others are tested against it")


def tested_row(cell: CellRuns, reference: CellRuns, margin: float | None) -> OutcomeRow:
    """Return the row of a cell, tested against the runs of the reference where both are whole."""
    if cell.lacking or reference.lacking:
        parts = [_lacking(one) for one in (cell, reference) if one.lacking]
        return _row(cell, "INCOMPLETE", "; ".join(parts))
    test = judge_outcome(
        list(cell.accuracies.values()),
        list(reference.accuracies.values()),
        model=cell.model,
        dataset=cell.dataset,
        backend=cell.backend,
        division=cell.division,
        margin=margin,
        metric=cell.metric,
    )
    return _row(cell, test.verdict, test.reason, test)


def _row(
    cell: CellRuns, standing: Standing, reason: str, test: OutcomeTest | None = None
) -> OutcomeRow:
    accuracies = cell.accuracies
    known = list(accuracies.values())
    return OutcomeRow(
        model=cell.model,
        dataset=cell.dataset,
        backend=cell.backend,
        division=cell.division,
        standing=standing,
        reason=reason,
        accuracies=accuracies,
        mean=statistics.fmean(known) if known else None,
        sd=statistics.stdev(known) if len(known) > 1 else None,
        process_seconds=sum(cold_total_seconds(run) or 0 for run in cell.finished.values()),
        test=test,
        metric=cell.metric,
    )


def _lacking(cell: CellRuns) -> str:
    seeds = ", ".join(str(seed) for seed in sorted(cell.lacking))
    whole = len(cell.lacking) + len(cell.finished)
    first = min(cell.lacking)
    return (
        f"{cell.name} has no finished run for {len(cell.lacking)} of {whole} seeds ({seeds}); "
        f"seed {first}: {cell.lacking[first]}; the same command tries them again"
    )
