"""Where the cells end: the test metric over seeds, and whether it is that of the reference."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.equivalence import FEWEST_RUNS, OutcomeTest, judge_outcome
from benchbench.compare.metrics import metric_of, tested_metric
from benchbench.records import RunRecord
from benchbench.spec.losses import ACCURACY, Metric

# In float32, as the backends compute, and checked rung by rung against its twin in float64.
REFERENCE = CellName("numpy", "idiomatic")
# The checks of the bands: their names, and one in records of before there were other metrics.
BAND_CHECKS = ("test metric", "test accuracy", "losses")


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """The test metric of a cell, one value a seed; `sd` is null for one seed.

    Accuracies are fractions. `outcome` is the two-sided equivalence test against the reference
    backend, where both have seeds enough.
    """

    model: str
    cell: CellName
    seeds: int
    mean: float
    sd: float | None
    outcome: OutcomeTest | None = None
    metric: Metric = ACCURACY


def accuracies(records: Iterable[RunRecord]) -> list[Accuracy]:
    """Return the test metric of every cell, of runs of one model, spec and data set.

    The records come oldest first; of several runs of one seed the latest counts.
    """
    by_cell: dict[CellName, dict[int, float]] = defaultdict(dict)
    model, dataset, metric = "", "", ACCURACY
    for record in records:
        value = counted_metric(record)
        if value is not None:
            by_cell[cell_name(record)][record.seed] = value
            model, dataset, metric = record.model, record.dataset, metric_of(record)
    reference = list(by_cell[REFERENCE].values()) if REFERENCE in by_cell else []
    found = []
    for name, by_seed in sorted(by_cell.items()):
        own = list(by_seed.values())
        testable = name != REFERENCE and min(len(own), len(reference)) >= FEWEST_RUNS
        found.append(
            Accuracy(
                model=model,
                cell=name,
                seeds=len(own),
                mean=statistics.fmean(own),
                sd=statistics.stdev(own) if len(own) > 1 else None,
                outcome=judge_outcome(
                    own,
                    reference,
                    model=model,
                    dataset=dataset,
                    backend=name.backend,
                    division=name.division,
                    metric=metric,
                )
                if testable
                else None,
                metric=metric,
            )
        )
    return found


def counted_metric(record: RunRecord) -> float | None:
    """Return the test metric of a run that counts in statistics over seeds, else None.

    It counts if it is finished, is no variant, and failed no check but that of the band.
    """
    if record.variant is not None:
        return None
    broken = [c for c in record.checks if c.passed is False and c.name not in BAND_CHECKS]
    return None if broken else tested_metric(record)
