"""What figures draw: the runs that are compared, a panel a model of each section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.places import SectionKey, by_place
from benchbench.compare.summary import CellSummary
from benchbench.compare.whole import counted
from benchbench.records import RunRecord


@dataclass(frozen=True, slots=True)
class Panel:
    """The finished runs of one model that were compared: one session's, by cell."""

    section: Comparison
    model: str
    runs: dict[CellName, tuple[RunRecord, ...]]


@dataclass(frozen=True, slots=True)
class Selection:
    """The comparison of some records, and the runs behind it."""

    sections: tuple[Comparison, ...]
    panels: tuple[Panel, ...]

    @property
    def cells(self) -> list[CellName]:
        """Every cell that is drawn anywhere, sorted: the place settles colour and marker."""
        return sorted({name for panel in self.panels for name in panel.runs})


def select(records: Iterable[RunRecord], sections: Sequence[Comparison]) -> Selection:
    """Find the runs of each comparison among the records that were compared."""
    everything = sorted(counted(records), key=lambda one: (one.started, one.run_id))
    places = by_place(everything)
    panels = []
    for section in sections:
        place = SectionKey(
            section.dataset,
            section.device or "",
            section.machine,
            section.threads,
            section.software,
        )
        compared = {_kind(one, one.host) for one in section.cells}
        by_model: dict[str, list[RunRecord]] = defaultdict(list)
        for run in places.get(place, []):
            if run.status == "ok" and _kind(run, run.machine.host) in compared:
                by_model[run.model].append(run)
        panels += [
            _panel(section, model, by_model[model]) for model in section.sessions if by_model[model]
        ]
    return Selection(tuple(sections), tuple(panels))


def _kind(one: RunRecord | CellSummary, host: str | None) -> tuple[object, ...]:
    work = one.spec_sha256, one.dataset_sha256, one.train_image_count
    return one.model, host, one.session_id, *work


def _panel(section: Comparison, model: str, runs: Sequence[RunRecord]) -> Panel:
    cells: dict[CellName, list[RunRecord]] = defaultdict(list)
    for run in runs:
        cells[cell_name(run)].append(run)
    return Panel(section, model, {name: tuple(cells[name]) for name in sorted(cells)})
