"""`benchbench certify --outcome`: does a backend reach the reference's test accuracy, over seeds?

The runs are ordinary runs with ordinary records. What the results folder holds already is not
trained again, so a command that was interrupted goes on where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.cli.progress import progress
from benchbench.errors import UsageError
from benchbench.experiments.names import find_backend, find_divisions

if TYPE_CHECKING:
    from benchbench.data.catalog import Chosen
    from benchbench.plugins.contract import BackendInfo
    from benchbench.records import RunRecord
    from benchbench.report.outcome import CellRuns, OutcomeReport
    from benchbench.run.plan import Cell
    from benchbench.run.store import Store
    from benchbench.spec.model import ModelSpec
    from benchbench.spec.protocol import TrainingProtocol

# In float32, as the backends compute, and checked rung by rung against its twin in float64.
REFERENCE = "numpy"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """All that the runs of one command have in common."""

    protocol: TrainingProtocol
    chosen: Chosen
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seeds: range
    timeout: float
    store: Store


def outcome(
    *,
    backends: Sequence[BackendInfo],
    divisions: str,
    models: Sequence[ModelSpec],
    protocol: TrainingProtocol,
    chosen: Chosen,
    seeds: int,
    results: Path,
    threads: int | None,
    device: str,
    timeout: float,
    margin: float | None = None,
    reference: str = REFERENCE,
    as_json: bool = False,
) -> int:
    """Train what is missing of seeds 0 to `seeds` - 1, test the cells, print; return the exit code.

    0 if every cell is equivalent to the reference, else 1. `margin` is a fraction; by default each
    model has its own. Raises UsageError, before anything is trained, for what cannot be tested.
    """
    import msgspec

    from benchbench.experiments import session
    from benchbench.experiments.selection import find_processors
    from benchbench.report.outcome import render
    from benchbench.run.store import Store

    _must_be_testable(seeds, margin)
    references = _reference_cells(reference, models)
    tested = _tested_cells(backends, divisions, references)
    session.must_fit(models, chosen)
    thread_count, cpus = find_processors(threads)
    store = Store(results)
    store.prepare()
    setting = _Setting(
        protocol=protocol,
        chosen=chosen,
        device=device,
        threads=thread_count,
        cpus=cpus,
        seeds=range(seeds),
        timeout=timeout,
        store=store,
    )
    trained_now = _train_missing([*references, *tested], setting, results)
    report = _report(
        references, tested, setting, _read(results), margin=margin, trained_now=trained_now
    )
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())
    else:
        print(f"{render(report)}\n\nrecords: {store.folder}")
    return 0 if report.holds else 1


def _must_be_testable(seeds: int, margin: float | None) -> None:
    from benchbench.compare.equivalence import FEWEST_RUNS

    if seeds < FEWEST_RUNS:
        raise UsageError(
            f"--seeds {seeds}: a test over seeds needs {FEWEST_RUNS} or more, and 10 to say much"
        )
    if margin is not None and not 0 < margin <= 1:
        raise UsageError(
            f"the margin is a fraction of test images above 0 and up to 1, like 0.002 for 0.2 "
            f"percentage points, not {margin}"
        )


def _reference_cells(reference: str, models: Sequence[ModelSpec]) -> list[Cell]:
    from benchbench.plugins.registry import load_registry
    from benchbench.run.plan import Cell

    info = find_backend(reference, load_registry())
    division = "idiomatic" if "idiomatic" in info.divisions else info.divisions[0]
    return [Cell(info.name, division, model) for model in models]


def _tested_cells(
    backends: Sequence[BackendInfo], divisions: str, references: Sequence[Cell]
) -> list[Cell]:
    """Return the cells asked for, without those of the reference itself. Raises UsageError."""
    from benchbench.run.plan import Cell

    names = {reference.name for reference in references}
    cells = [
        Cell(info.name, division, reference.model)
        for reference in references
        for info in backends
        for division in find_divisions(info, divisions)
    ]
    tested = [cell for cell in cells if cell.name not in names]
    if not tested:
        raise UsageError(
            f"{', '.join(sorted(names))} is the reference, and there is nothing else to test "
            f"against it: name another backend"
        )
    return tested


def _train_missing(cells: Sequence[Cell], setting: _Setting, results: Path) -> int:
    """Train every seed of every cell that has no finished run; return how many were trained.

    One run at a time, seed by seed: an interruption costs one run, and what is there by then is
    spread evenly over the cells.
    """
    from benchbench.experiments import session
    from benchbench.run.plan import Session

    records = _read(results)
    finished = [_finished(cell, records, setting) for cell in cells]
    missing = [
        (seed, cell)
        for seed in setting.seeds
        for cell, runs in zip(cells, finished, strict=True)
        if seed not in runs
    ]
    found = len(cells) * len(setting.seeds) - len(missing)
    print(f"{found} runs found in {results}, {len(missing)} to train", file=sys.stderr)
    for number, (seed, cell) in enumerate(missing, start=1):
        print(
            f"run {number} of {len(missing)}: {cell.model.name} {cell.name}, seed {seed}",
            file=sys.stderr,
            flush=True,
        )
        one_run = Session(
            cells=(cell,),
            protocol=setting.protocol,
            dataset=setting.chosen,
            device=setting.device,
            threads=setting.threads,
            cpus=setting.cpus,
            seed=seed,
        )
        with progress() as listener:
            session.conduct(one_run.block(0), setting.store, setting.timeout, listener)
    return len(missing)


def _report(
    references: Sequence[Cell],
    tested: Sequence[Cell],
    setting: _Setting,
    records: Sequence[RunRecord],
    *,
    margin: float | None,
    trained_now: int,
) -> OutcomeReport:
    from benchbench.report.outcome import OutcomeReport, reference_row, tested_row

    rows = []
    for reference in references:
        reference_runs = _runs(reference, records, setting)
        rows.append(reference_row(reference_runs))
        rows += [
            tested_row(_runs(cell, records, setting), reference_runs, margin)
            for cell in tested
            if cell.model == reference.model
        ]
    return OutcomeReport(
        reference=references[0].backend,
        reference_division=references[0].division,
        dataset=setting.chosen.name,
        dataset_sha256=setting.chosen.sha256,
        seeds=len(setting.seeds),
        trained_now=trained_now,
        rows=tuple(rows),
    )


def _runs(cell: Cell, records: Sequence[RunRecord], setting: _Setting) -> CellRuns:
    from benchbench.report.outcome import CellRuns

    finished = _finished(cell, records, setting)
    _warn_of_mixture(cell, finished)
    latest = {record.seed: record for record in _attempts(cell, records, setting)}
    return CellRuns(
        model=cell.model.name,
        dataset=setting.chosen.name,
        backend=cell.backend,
        division=cell.division,
        finished=finished,
        lacking={
            seed: _what_came_of(latest.get(seed)) for seed in setting.seeds if seed not in finished
        },
    )


def _what_came_of(attempt: RunRecord | None) -> str:
    from benchbench.compare.cells import failure_reason

    return f"{attempt.status}: {failure_reason(attempt)}" if attempt else "no run"


def _finished(cell: Cell, records: Sequence[RunRecord], setting: _Setting) -> dict[int, RunRecord]:
    """Return the latest run of each seed that counts in statistics."""
    from benchbench.compare.accuracy import counted_accuracy

    return {
        record.seed: record
        for record in _attempts(cell, records, setting)
        if counted_accuracy(record) is not None
    }


def _attempts(cell: Cell, records: Sequence[RunRecord], setting: _Setting) -> list[RunRecord]:
    """Return the runs of the cell, good or bad: same spec, data, device and seeds, oldest first."""
    from benchbench.spec.identity import spec_sha256

    spec = spec_sha256(cell.model, setting.protocol)
    wanted = spec, setting.chosen.sha256, cell.backend, cell.division
    return [
        record
        for record in records
        if (record.spec_sha256, record.dataset_sha256, record.backend, record.division) == wanted
        and record.seed in setting.seeds
        and record.variant is None
        and _on(setting.device, record.device)
    ]


def _on(wanted: str, device: str | None) -> bool:
    """Say whether a run on `device` answers for the `wanted` one; "auto" takes any."""
    return wanted in {"auto", device} or (wanted == "cuda" and (device or "").startswith("cuda"))


def _warn_of_mixture(cell: Cell, runs: dict[int, RunRecord]) -> None:
    """Say on stderr that the runs of a cell are not all of one kind."""
    kinds = {(run.device, tuple(sorted(run.versions.items()))) for run in runs.values()}
    if len(kinds) > 1:
        told = " / ".join(
            f"{device}, {' '.join(f'{name} {version}' for name, version in versions)}"
            for device, versions in sorted(kinds, key=str)
        )
        print(
            f"warning: the runs of {cell.model.name} {cell.name} were made with different devices "
            f"or versions ({told}); for one answer give --results a folder of its own",
            file=sys.stderr,
        )


def _read(results: Path) -> list[RunRecord]:
    from benchbench.run.store import read

    records, problems = read(results)
    for problem in problems:
        print(f"skipped {problem.path}: {problem.reason}", file=sys.stderr)
    return records
