"""Does a backend reach the reference's test metric, over seeds? Trains what is missing.

The runs are ordinary runs with ordinary records. What the results folder holds already is not
trained again, so a command that was interrupted goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbench.errors import UsageError
from benchbench.experiments import session
from benchbench.experiments.names import find_backend
from benchbench.run.plan import Cell
from benchbench.spec.task import task_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.compare.outcome import CellRuns, OutcomeReport
    from benchbench.data.chosen import Chosen
    from benchbench.experiments.listener import Listener
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.store import Store
    from benchbench.spec.protocol import TrainingProtocol

# In float32, as the backends compute, and checked rung by rung against its twin in float64.
REFERENCE = "numpy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Cells to be tested against the reference, and all that their runs have in common.

    `margin` is a fraction, of an error one of the reference's; by default each model has its own.
    `seeds` are trained from 0 on.
    """

    references: tuple[Cell, ...]
    tested: tuple[Cell, ...]
    protocol: TrainingProtocol
    chosen: Chosen
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seeds: int
    margin: float | None
    timeout: float

    def __post_init__(self) -> None:
        """Raise UsageError for what cannot be tested."""
        from benchbench.certify.bands import FEWEST_SEEDS
        from benchbench.compare.equivalence import FEWEST_RUNS
        from benchbench.data import synthetic

        if not self.tested and self.seeds < FEWEST_SEEDS:
            names = ", ".join(sorted({cell.name for cell in self.references}))
            raise UsageError(
                f"{names} is the reference, and there is nothing else to test against it: name "
                f"another backend, or {FEWEST_SEEDS} --seeds or more to have the band of its losses"
            )
        if self.seeds < FEWEST_RUNS:
            raise UsageError(
                f"--seeds {self.seeds}: a test over seeds needs {FEWEST_RUNS} or more, and 10 to "
                f"say much"
            )
        if self.margin is not None and not 0 < self.margin <= 1:
            raise UsageError(
                f"the margin is a fraction of test samples, or of the reference's error, above 0 "
                f"and up to 1, like 0.002 for 0.2 percentage points, not {self.margin}"
            )
        models = [cell.model for cell in self.references]
        session.must_fit(models, self.chosen)
        if self.chosen.name == synthetic.NAME:
            raise UsageError(
                f"'{synthetic.NAME}' is drawn to measure times, and its outcomes say nothing: "
                f"--outcome needs real data; name another --dataset"
            )

    def run(self, store: Store, listener: Listener) -> OutcomeReport:
        """Train what is missing of every cell, and test the cells."""
        from benchbench.experiments.own_bands import keep_own_band

        trained_now = self._train_missing(store, listener)
        records = _read(store, listener)
        report = self._report(records, trained_now, listener)
        for reference in self.references:
            keep_own_band(self._finished(reference, records).values(), listener)
        return report

    def _train_missing(self, store: Store, listener: Listener) -> int:
        """Train every seed of every cell that has no finished run; return how many were trained.

        One run at a time, seed by seed: an interruption costs one run, and what is there by then is
        spread evenly over the cells.
        """
        from benchbench.experiments.own_bands import time_left, what_is_to_come
        from benchbench.run.plan import Session

        cells = (*self.references, *self.tested)
        records = _read(store, listener)
        finished = [self._finished(cell, records) for cell in cells]
        missing = [
            (seed, cell)
            for seed in range(self.seeds)
            for cell, runs in zip(cells, finished, strict=True)
            if seed not in runs
        ]
        found = len(cells) * self.seeds - len(missing)
        to_come = what_is_to_come(len(missing), self.seeds)
        listener.note(f"{found} runs found in {store.folder.parent}, {to_come}")
        # What is there already says what the others will take.
        ran = [run for runs in finished for run in runs.values()]
        for number, (seed, cell) in enumerate(missing, start=1):
            left = time_left(ran, len(missing) - number + 1)
            listener.note(
                f"run {number} of {len(missing)}: {cell.model.name} {cell.name}, seed {seed}{left}"
            )
            one_run = Session(
                cells=(cell,),
                protocol=self.protocol,
                dataset=self.chosen,
                device=self.device,
                threads=self.threads,
                cpus=self.cpus,
                seed=seed,
            )
            ran += session.conduct(one_run.block(0), store, self.timeout, listener)
        return len(missing)

    def _report(
        self, records: Sequence[RunRecord], trained_now: int, listener: Listener
    ) -> OutcomeReport:
        from benchbench.compare.outcome import OutcomeReport, reference_row, tested_row

        rows = []
        for reference in self.references:
            reference_runs = self._runs(reference, records, listener)
            rows.append(reference_row(reference_runs))
            rows += [
                tested_row(self._runs(cell, records, listener), reference_runs, self.margin)
                for cell in self.tested
                if cell.model == reference.model
            ]
        return OutcomeReport(
            reference=self.references[0].backend,
            reference_division=self.references[0].division,
            dataset=self.chosen.name,
            dataset_sha256=self.chosen.sha256,
            seeds=self.seeds,
            trained_now=trained_now,
            rows=tuple(rows),
        )

    def _runs(self, cell: Cell, records: Sequence[RunRecord], listener: Listener) -> CellRuns:
        from benchbench.compare.outcome import CellRuns

        finished = self._finished(cell, records)
        if told := _mixture(cell, finished):
            listener.note(told)
        latest = {record.seed: record for record in self._attempts(cell, records)}
        return CellRuns(
            model=cell.model.name,
            dataset=self.chosen.name,
            backend=cell.backend,
            division=cell.division,
            metric=task_of(cell.model, self.protocol).metric,
            finished=finished,
            lacking={
                seed: _what_came_of(latest.get(seed))
                for seed in range(self.seeds)
                if seed not in finished
            },
        )

    def _finished(self, cell: Cell, records: Sequence[RunRecord]) -> dict[int, RunRecord]:
        """Return the latest run of each seed that counts in statistics."""
        from benchbench.compare.accuracy import counted_metric

        return {
            record.seed: record
            for record in self._attempts(cell, records)
            if counted_metric(record) is not None
        }

    def _attempts(self, cell: Cell, records: Sequence[RunRecord]) -> list[RunRecord]:
        """Return the cell's runs, good or bad: same spec, data, device and seeds, oldest first."""
        from benchbench.spec.identity import spec_sha256

        spec = spec_sha256(cell.model, self.protocol)
        wanted = spec, self.chosen.sha256, cell.backend, cell.division
        return [
            one
            for one in records
            if (one.spec_sha256, one.dataset_sha256, one.backend, one.division) == wanted
            and one.seed in range(self.seeds)
            and one.variant is None
            and _on(self.device, one.device)
        ]


def find_references(
    cells: Sequence[Cell], registry: Registry, reference: str = REFERENCE
) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """Return the reference's cell of each model, and the cells to test: all but the reference's.

    Raises UsageError where the reference is missing.
    """
    info = find_backend(reference, registry)
    models = dict.fromkeys(cell.model for cell in cells)
    references = tuple(Cell(info.name, "idiomatic", model) for model in models)
    names = {cell.name for cell in references}
    tested = tuple(cell for cell in cells if cell.name not in names)
    return references, tested


def _what_came_of(attempt: RunRecord | None) -> str:
    from benchbench.compare.validity import failure_reason

    return f"{attempt.status}: {failure_reason(attempt)}" if attempt else "no run"


def _on(wanted: str, device: str | None) -> bool:
    """Say whether a run on `device` answers for the `wanted` one; "auto" takes any."""
    return wanted in {"auto", device} or (wanted == "cuda" and (device or "").startswith("cuda"))


def _mixture(cell: Cell, runs: dict[int, RunRecord]) -> str | None:
    """Return a warning where the runs of a cell are not all of one kind."""
    kinds = {(run.device, tuple(sorted(run.versions.items()))) for run in runs.values()}
    if len(kinds) < 2:
        return None
    told = " / ".join(
        f"{device}, {' '.join(f'{name} {version}' for name, version in versions)}"
        for device, versions in sorted(kinds, key=str)
    )
    return (
        f"warning: the runs of {cell.model.name} {cell.name} were made with different devices or "
        f"versions ({told}); for one answer give --results a folder of its own"
    )


def _read(store: Store, listener: Listener) -> list[RunRecord]:
    from benchbench.run.store import read

    records, problems = read(store.folder.parent)
    for problem in problems:
        listener.note(f"skipped {problem}")
    return records
