"""The rows of a section: its cells, what tells them apart, and the runs that failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from benchbench.compare.cells import model_order
from benchbench.compare.contrast import CellName
from benchbench.compare.summary import CellSummary
from benchbench.compare.validity import failure_reason
from benchbench.records import RunRecord

# Names and versions, as in `CellSummary`.
_Versions: TypeAlias = tuple[tuple[str, str], ...]


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
    host: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A cell, and what sets it apart from a row that reads the same without it.

    `compared`: it is of the session and work that its model's ratios are of.
    """

    cell: CellSummary
    distinction: str
    compared: bool


def failures(runs: Iterable[RunRecord]) -> tuple[Failure, ...]:
    """Return those of the runs that came to no valid end, in reading order."""
    failed = sorted((run for run in runs if run.status != "ok"), key=_failure_order)
    return tuple(map(_failure, failed))


def rows(cells: Sequence[CellSummary], compared: Callable[[CellSummary], bool]) -> tuple[Row, ...]:
    """Put cells in rows, with a distinction where two would read the same without it."""
    data = {cell.dataset_sha256 for cell in cells}
    sizes = {cell.train_image_count for cell in cells}
    specs = Counter(model for model, _ in {(cell.model, cell.spec_sha256) for cell in cells})
    named = {((cell.model, cell.name, cell.versions), cell.session_id) for cell in cells}
    sessions = Counter(name for name, _ in named)
    machines = {((cell.model, cell.name, cell.session_id), cell.host) for cell in cells}
    named_machines = Counter(name for name, _ in machines)
    versions: dict[tuple[str, str], set[_Versions]] = defaultdict(set)
    for cell in cells:
        versions[cell.backend, cell.division].add(cell.versions)
    found = []
    for cell in cells:
        distinctions = [cell.variant] if cell.variant else []
        if named_machines[cell.model, cell.name, cell.session_id] > 1:
            distinctions.append(f"machine {cell.host or 'without a name'}")
        if len(data) > 1:
            distinctions.append(f"data {_short(cell.dataset_sha256)}")
        if len(sizes) > 1:
            distinctions.append(f"{cell.train_image_count:,} training images")
        if specs[cell.model] > 1:
            distinctions.append(f"spec {_short(cell.spec_sha256)}")
        distinctions += _version_distinctions(cell, versions[cell.backend, cell.division])
        if sessions[cell.model, cell.name, cell.versions] > 1:
            distinctions.append(f"session {cell.session_id}")
        distinction = ", ".join(distinctions)
        found.append(Row(cell=cell, distinction=distinction, compared=compared(cell)))
    return tuple(found)


def differing_versions(rows: Iterable[Row]) -> dict[CellName, str]:
    """Return, of the compared cells of one backend, the versions in which they differ, in words."""
    by_backend: defaultdict[tuple[str, str], dict[CellName, dict[str, str]]] = defaultdict(dict)
    for row in rows:
        if row.compared:
            cell = row.cell
            by_backend[cell.backend, cell.division][cell.name] = dict(cell.versions)
    return {
        name: ", ".join(told)
        for cells in by_backend.values()
        for name, own in cells.items()
        if (
            told := [
                f"{package} {version}"
                for package, version in own.items()
                if any(other.get(package) != version for other in cells.values())
            ]
        )
    }


def _version_distinctions(cell: CellSummary, known: Iterable[_Versions]) -> list[str]:
    """Name the versions in which this cell differs from others of the same backend and division."""
    others = [dict(versions) for versions in known]
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
        host=run.machine.host,
    )
