"""Runs sorted into tables, one a data set, device and machine; absolute figures only.

Ratios, of certified cells that took turns, are for `comparison`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from benchbench.compare.cells import machine_name, model_order
from benchbench.compare.summary import CellSummary, summarise
from benchbench.compare.validity import failure_reason
from benchbench.records import RunRecord


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A run that did not come to a valid end, and why."""

    run_id: str
    status: str
    model: str
    backend: str
    division: str
    threads: int
    seed: int
    reason: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A cell, and what sets it apart from a row that reads the same without it."""

    cell: CellSummary
    distinction: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """All runs on one data set, one device and one machine."""

    dataset: str
    device: str | None
    machine: str
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]

    @property
    def not_comparable(self) -> tuple[tuple[str, str], ...]:
        """Which rows no ratio or ranking may include, and why; rows of one reason together."""
        by_reason: dict[str, list[str]] = {}
        for row in self.rows:
            if row.cell.objection:
                name = f"{row.cell.model} {row.cell.backend} {row.cell.division}"
                by_reason.setdefault(row.cell.objection, []).append(name)
        return tuple(
            ("every row" if len(names) == len(self.rows) else ", ".join(names), reason)
            for reason, names in by_reason.items()
        )

    @property
    def title(self) -> str:
        return f"{self.dataset} on {self.device or 'an unknown device'} ({self.machine})"


def tables_of(records: Iterable[RunRecord]) -> tuple[Table, ...]:
    """Sort runs into tables. The order of the records means nothing.

    A run that failed stands beneath the table of its data set, device and machine, and makes one of
    its own where no run there was well.
    """
    runs = tuple(records)
    cells = summarise(runs)
    failed = sorted((run for run in runs if run.status != "ok"), key=_failure_order)
    places = {_cell_place(cell) for cell in cells} | {_run_place(run) for run in failed}
    return tuple(
        Table(
            dataset=place[0],
            device=place[1] or None,
            machine=place[2],
            rows=_rows([cell for cell in cells if _cell_place(cell) == place]),
            failures=tuple(_failure(run) for run in failed if _run_place(run) == place),
        )
        for place in sorted(places)
    )


def _cell_place(cell: CellSummary) -> tuple[str, str, str]:
    return cell.dataset, cell.device or "", cell.machine


def _run_place(run: RunRecord) -> tuple[str, str, str]:
    return run.dataset, run.device or "", machine_name(run)


def _rows(cells: Sequence[CellSummary]) -> tuple[Row, ...]:
    """Put cells in rows, with a distinction where two would read the same without it."""
    data = {cell.dataset_sha256 for cell in cells}
    sizes = {cell.train_image_count for cell in cells}
    specs = Counter(model for model, _ in {(cell.model, cell.spec_sha256) for cell in cells})
    rows = []
    for cell in cells:
        distinctions = [cell.variant] if cell.variant else []
        if len(data) > 1:
            distinctions.append(f"data {_short(cell.dataset_sha256)}")
        if len(sizes) > 1:
            distinctions.append(f"{cell.train_image_count:,} training images")
        if specs[cell.model] > 1:
            distinctions.append(f"spec {_short(cell.spec_sha256)}")
        distinctions += _version_distinctions(cell, cells)
        rows.append(Row(cell=cell, distinction=", ".join(distinctions)))
    return tuple(rows)


def _version_distinctions(cell: CellSummary, cells: Sequence[CellSummary]) -> list[str]:
    """Name the versions in which this cell differs from others of the same backend and division."""
    others = [
        dict(other.versions)
        for other in cells
        if (other.backend, other.division) == (cell.backend, cell.division)
    ]
    return [
        f"{name} {version}"
        for name, version in cell.versions
        if any(other.get(name) != version for other in others)
    ]


def _short(sha256: str | None) -> str:
    return sha256[:8] if sha256 else "unknown"


def _failure_order(run: RunRecord) -> tuple[object, ...]:
    return model_order(run.model), run.backend, run.division, run.threads, run.seed, run.run_id


def _failure(run: RunRecord) -> Failure:
    return Failure(
        run_id=run.run_id,
        status=run.status,
        model=run.model,
        backend=run.backend,
        division=run.division,
        threads=run.threads,
        seed=run.seed,
        reason=failure_reason(run),
    )
