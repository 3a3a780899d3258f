"""From saved runs to what may be compared: sections of rows, and what is not comparable, and why.

A section is one data set on one device of one machine with one thread budget. In it, each model's
cells are compared within one session, the latest in which two cells or more ran: times of another
hour are no evidence. What that leaves out is listed with the reason, never dropped in silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import msgspec

from benchbench.compare.accuracy import Accuracy, accuracies
from benchbench.compare.baseline import Baseline
from benchbench.compare.cells import CellTime, Runs, cell_time, model_order
from benchbench.compare.contrast import CellName, Contrast, Question, cell_name, contrast
from benchbench.compare.places import SectionKey, blocks_elsewhere, by_place, session_blocks
from benchbench.compare.remarks import remarks
from benchbench.compare.validity import failure_reason, objection
from benchbench.compare.verdicts import judge
from benchbench.compare.whole import counted
from benchbench.measure.noise import usual_calibration
from benchbench.records import RunRecord


class NotComparable(msgspec.Struct, frozen=True, order=True):
    """A cell that no ratio includes, and why."""

    model: str
    cell: CellName
    reason: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One section. `cells` are the times of all that took part, `contrasts` their ratios.

    `sessions` are those that were compared, by model; `remarks` are sentences on their runs.
    """

    dataset: str
    device: str | None
    machine: str
    threads: int
    question: Question
    sessions: dict[str, str]
    cells: tuple[CellTime, ...]
    contrasts: tuple[Contrast, ...]
    not_comparable: tuple[NotComparable, ...]
    accuracies: tuple[Accuracy, ...]
    remarks: tuple[str, ...] = ()


def compare(
    records: Iterable[RunRecord],
    question: Question,
    baseline: Baseline | None = None,
    *,
    certified: bool = True,
) -> tuple[Comparison, ...]:
    """Compare what may be compared. The order of the records means nothing.

    `certified`: a cell without a valid certificate is not comparable. Raises UsageError for a
    baseline that names no cell.
    """
    everything = sorted(counted(records), key=lambda one: (one.started, one.run_id))
    wanted = (baseline or Baseline()).among({cell_name(record) for record in everything})
    sections = by_place(everything)
    return tuple(
        _section(
            place,
            runs,
            question,
            wanted,
            elsewhere=blocks_elsewhere(sections, place),
            certified=certified,
        )
        for place, runs in sorted(sections.items())
    )


def _section(
    place: SectionKey,
    records: Sequence[RunRecord],
    question: Question,
    wanted: CellName | None,
    *,
    elsewhere: Mapping[tuple[str, str], Set[int]],
    certified: bool,
) -> Comparison:
    by_model: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        by_model[record.model].append(record)
    tables = [
        _Model(by_model[model], elsewhere, certified=certified)
        for model in sorted(by_model, key=model_order)
    ]
    common = _common_baseline(tables)
    contrasts: list[Contrast] = []
    not_comparable: list[NotComparable] = []
    for table in tables:
        rows, others = table.against(wanted, common, question)
        contrasts += rows
        not_comparable += others
    dataset, device, machine, threads = place
    return Comparison(
        dataset=dataset,
        device=device or None,
        machine=machine,
        threads=threads,
        question=question,
        sessions={table.model: table.session_id for table in tables},
        cells=tuple(time for table in tables for time in table.times(question)),
        contrasts=judge(contrasts, question),
        not_comparable=tuple(not_comparable),
        accuracies=tuple(one for table in tables for one in accuracies(table.alike())),
        remarks=tuple(told for table in tables for told in table.remarks()),
    )


def _common_baseline(tables: Sequence[_Model]) -> CellName | None:
    """Return the cell that is comparable for most models, the first by name among equals."""
    names = [name for table in tables for name in table.fit]
    return min(set(names), key=lambda name: (-names.count(name), name), default=None)


class _Model:
    """The runs of one model in a section: one session's, and why others stand apart."""

    def __init__(
        self,
        records: Sequence[RunRecord],
        elsewhere: Mapping[tuple[str, str], Set[int]],
        *,
        certified: bool,
    ) -> None:
        self._records = records
        self.model = records[0].model
        chosen = _latest_of_two(records)
        self.session_id = chosen.session_id
        self._elsewhere_blocks = elsewhere.get((self.session_id, self.model), frozenset())
        self._spec, self._chosen = chosen.spec_sha256, chosen
        self.runs: Runs = defaultdict(list)
        for record in records:
            if _apart(record, chosen) is None:
                self.runs[cell_name(record)].append(record)
        self._objections = {
            name: told
            for name, runs in sorted(self.runs.items())
            if (told := _objection(runs, certified=certified))
        }

    @property
    def fit(self) -> list[CellName]:
        """The cells that may be compared."""
        return [name for name in sorted(self.runs) if name not in self._objections]

    def alike(self) -> list[RunRecord]:
        """Return the runs of any session that trained the same on the same data."""
        return [
            record
            for record in self._records
            if (record.spec_sha256, record.dataset_sha256)
            == (self._spec, self._chosen.dataset_sha256)
        ]

    def remarks(self) -> Iterator[str]:
        """Yield what a reader should know of the runs that are compared."""
        yield from remarks(run for runs in self.runs.values() for run in runs)

    def times(self, question: Question) -> Iterator[CellTime]:
        usual = usual_calibration([run for runs in self.runs.values() for run in runs])
        for _, runs in sorted(self.runs.items()):
            yield cell_time(runs, question, usual)

    def against(
        self, wanted: CellName | None, common: CellName | None, question: Question
    ) -> tuple[list[Contrast], list[NotComparable]]:
        """Return the contrasts with the baseline, and what is not comparable."""
        fit = self.fit
        if wanted is not None:
            baseline = wanted if wanted in fit else None
        else:
            baseline = common if common in fit else (fit[0] if fit else None)
        others = [self._not(name, told) for name, told in self._objections.items()]
        others += self._elsewhere()
        if baseline is None:
            why = f"the baseline {wanted} is not comparable here" if wanted else "nothing to be it"
            return [], [*others, *(self._not(name, why) for name in fit)]
        if fit == [baseline]:
            return [], [*others, self._not(baseline, "nothing else here may be compared with it")]
        rows = [
            contrast(
                self.runs[name],
                self.runs[baseline],
                question,
                session_blocks(self.runs, (name, baseline), self._elsewhere_blocks),
            )
            for name in fit
            if name != baseline
        ]
        return rows, others

    def _elsewhere(self) -> Iterator[NotComparable]:
        """Yield the cells that ran, but not in the chosen session or not alike."""
        latest: dict[CellName, str] = {}
        for record in self._records:
            reason = _apart(record, self._chosen)
            if reason is not None and cell_name(record) not in self.runs:
                latest[cell_name(record)] = reason
        for name, reason in sorted(latest.items()):
            yield self._not(name, reason)

    def _not(self, name: CellName, reason: str) -> NotComparable:
        return NotComparable(self.model, name, reason)


def _latest_of_two(records: Sequence[RunRecord]) -> RunRecord:
    """Return a run of the latest session with two cells that were well, else of the latest."""
    cells: dict[str, set[CellName]] = defaultdict(set)
    for record in records:
        if record.status == "ok":
            cells[record.session_id].add(cell_name(record))
    several = [record for record in records if len(cells[record.session_id]) > 1]
    return max(several or records, key=lambda record: (record.started, record.run_id))


def _apart(record: RunRecord, chosen: RunRecord) -> str | None:
    """Say why a run does not stand beside the chosen one; None if it does."""
    if record.dataset_sha256 != chosen.dataset_sha256:
        return "it ran on other data of the same name"
    if record.spec_sha256 != chosen.spec_sha256:
        return "it ran another spec or protocol under the same name"
    if record.train_image_count not in {None, chosen.train_image_count}:
        return f"it trained on {record.train_image_count} images, not {chosen.train_image_count}"
    if record.session_id != chosen.session_id:
        return f"it ran in another session, {record.session_id}: run them together"
    return None


def _objection(runs: Sequence[RunRecord], *, certified: bool) -> str | None:
    """Say why a cell is not comparable, from its runs in one session."""
    well = [run for run in runs if run.status == "ok"]
    if not well:
        return f"no run of it was well: {runs[0].status}, {failure_reason(runs[0])}"
    if not certified:
        return None
    return next((told for run in well if (told := objection(run))), None)
