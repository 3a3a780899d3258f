"""What is exported: the finished runs of each cell's latest session, under a name that lasts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchbench.compare.cells import Timing, machine_name, model_order, steady_epochs
from benchbench.compare.contrast import cell_name
from benchbench.compare.whole import counted
from benchbench.errors import NotMeasured
from benchbench.printable import one_line
from benchbench.records import RunRecord


@dataclass(frozen=True, slots=True)
class ExportedCell:
    """One cell: its name, the same in every session, and its finished runs, block by block."""

    name: str
    runs: tuple[RunRecord, ...]

    @property
    def steady_seconds(self) -> list[float]:
        """The training seconds of the second and later epochs of all runs."""
        return [one for run in self.runs for one in steady_seconds(run)]

    @property
    def timing(self) -> Timing:
        """The time of a steady epoch, with its 95 % interval."""
        found = steady_epochs(self.runs)
        assert found  # noqa: S101 - see `cells_of`
        return found


def steady_seconds(run: RunRecord) -> list[float]:
    """Return the training seconds of the second and later epochs."""
    times = [epoch.train_seconds for epoch in run.epochs[1:]]
    return [one for one in times if one > 0 and math.isfinite(one)]


def cells_of(records: Iterable[RunRecord], *, least: int = 1) -> list[ExportedCell]:
    """Return the cells that have `least` steady epochs or more, in reading order.

    Raises NotMeasured where there is none.
    """
    groups: dict[tuple[str, ...], list[RunRecord]] = defaultdict(list)
    for run in sorted(counted(records), key=lambda one: (one.started, one.block, one.run_id)):
        if run.status == "ok":
            groups[_kind(run)].append(run)
    latest = {
        kind: [run for run in runs if run.session_id == runs[-1].session_id]
        for kind, runs in groups.items()
    }
    shared = Counter(_name(runs[0]) for runs in latest.values())
    cells = []
    for kind, runs in sorted(latest.items(), key=lambda one: (model_order(one[0][0]), one[0])):
        name = _name(runs[0])
        if shared[name] > 1:
            name = f"{name} [{one_line(kind[-2])}, spec {runs[0].spec_sha256[:8]}, {kind[-1]}]"
        cells += _by_machine(name, runs)
    found = [cell for cell in cells if len(cell.steady_seconds) >= least]
    if not found:
        raise NotMeasured(
            f"there is nothing to export: no cell has {least} or more steady epochs (the second "
            f"and later ones of finished runs): train more with --epochs"
        )
    return found


def _by_machine(name: str, runs: Iterable[RunRecord]) -> list[ExportedCell]:
    """Return a cell for each machine of a session: seconds of several are not pooled."""
    by_host: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        by_host[run.machine.host or ""].append(run)
    if len(by_host) == 1:
        return [ExportedCell(name, tuple(runs))]
    return [
        ExportedCell(f"{name}, machine {one_line(host)}", tuple(own))
        for host, own in sorted(by_host.items())
    ]


def _kind(run: RunRecord) -> tuple[str, ...]:
    data = f"{(run.dataset_sha256 or 'unknown')[:8]} {run.train_image_count} images"
    return (
        *(run.model, str(cell_name(run)), run.dataset, run.device or "", str(run.threads)),
        *(run.spec_sha256, machine_name(run), data),
    )


def _name(run: RunRecord) -> str:
    device = run.device or "unknown device"
    words = f"{run.model} {cell_name(run)}, {run.dataset}, {device}, threads {run.threads}"
    return one_line(words)
