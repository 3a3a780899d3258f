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
from benchbench.compare.cells import Runs, model_order
from benchbench.compare.contrast import CellName, Contrast, Question, cell_name, contrast
from benchbench.compare.places import SectionKey, blocks_elsewhere, by_place, session_blocks
from benchbench.compare.remarks import remarks
from benchbench.compare.rows import Failure, Row, failures, rows
from benchbench.compare.summary import CellSummary, summarise
from benchbench.compare.validity import failure_reason, objection
from benchbench.compare.verdicts import judge
from benchbench.compare.whole import counted
from benchbench.data.names import QUICK
from benchbench.records import RunRecord


class NotComparable(msgspec.Struct, frozen=True, order=True):
    """A cell that no ratio includes, and why."""

    model: str
    cell: CellName
    reason: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One section. `rows` are the cells of every session, `contrasts` the ratios of some of them.

    `sessions` are those that were compared, by model; `remarks` are sentences on their runs.
    `failures` are the runs that came to no valid end, of every session.
    """

    dataset: str
    device: str | None
    machine: str
    threads: int
    question: Question
    sessions: dict[str, str]
    rows: tuple[Row, ...]
    contrasts: tuple[Contrast, ...]
    not_comparable: tuple[NotComparable, ...]
    accuracies: tuple[Accuracy, ...]
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[CellSummary, ...]:
        """The cells of the sessions that were compared."""
        return tuple(row.cell for row in self.rows if row.compared)

    @property
    def title(self) -> str:
        device = self.device or "an unknown device"
        return f"{self.dataset} on {device} ({self.machine}), threads {self.threads}"


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
    everything = sorted(records, key=lambda one: (one.started, one.run_id))
    counting = sorted(counted(everything), key=lambda one: (one.started, one.run_id))
    wanted = (baseline or Baseline()).among({cell_name(record) for record in counting})
    sections = by_place(counting)
    ids = {record.run_id for record in counting}
    # Cells that were skipped whenever they came up are in no section, but among the failures.
    skipped = {
        place: [run for run in runs if run.run_id not in ids]
        for place, runs in by_place(everything).items()
    }
    return tuple(
        _section(
            place,
            sections.get(place, []),
            question,
            wanted,
            elsewhere=blocks_elsewhere(sections, place),
            certified=certified,
            skipped=skipped.get(place, []),
        )
        for place in sorted({*sections, *skipped})
    )


def _section(
    place: SectionKey,
    records: Sequence[RunRecord],
    question: Question,
    wanted: CellName | None,
    *,
    elsewhere: Mapping[tuple[str, str], Set[int]],
    certified: bool,
    skipped: Sequence[RunRecord],
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
        ratios, others = table.against(wanted, common, question)
        contrasts += ratios
        not_comparable += others
    dataset, device, machine, threads = place
    return Comparison(
        dataset=dataset,
        device=device or None,
        machine=machine,
        threads=threads,
        question=question,
        sessions={table.model: table.session_id for table in tables},
        rows=rows(
            # Devices side by side stand together, model by model.
            sorted(summarise(records, question.confidence), key=lambda one: model_order(one.model)),
            lambda cell: any(table.compares(cell) for table in tables),
        ),
        contrasts=_unjudged(contrasts) if dataset.endswith(QUICK) else judge(contrasts, question),
        not_comparable=tuple(not_comparable),
        accuracies=tuple(one for table in tables for one in accuracies(table.alike())),
        failures=failures([*records, *skipped]),
        remarks=tuple(told for table in tables for told in table.remarks()),
    )


def _unjudged(contrasts: Iterable[Contrast]) -> tuple[Contrast, ...]:
    """Return the contrasts of a quick session: a tenth of the images is other work."""
    return tuple(
        msgspec.structs.replace(
            one,
            verdict="EXPLORATORY",
            reason="--quick trains on a tenth of the images; run without it for a verdict",
        )
        for one in contrasts
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

    def compares(self, cell: CellSummary) -> bool:
        """Say whether the ratios of this model are of this cell's runs."""
        chosen = self._chosen
        return (
            (cell.model, cell.session_id, cell.spec_sha256, cell.dataset_sha256)
            == (self.model, self.session_id, chosen.spec_sha256, chosen.dataset_sha256)
        ) and cell.train_image_count in {None, chosen.train_image_count}

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
            why = "no cell here may be its baseline"
            if wanted:
                why = f"the baseline {wanted} is not comparable here"
            return [], [*others, *(self._not(name, why) for name in fit)]
        if fit == [baseline]:
            return [], [*others, self._not(baseline, "nothing else here may be compared with it")]
        ratios = [
            contrast(
                self.runs[name],
                self.runs[baseline],
                question,
                session_blocks(self.runs, (name, baseline), self._elsewhere_blocks),
            )
            for name in fit
            if name != baseline
        ]
        return ratios, others

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
    """Return a run of the latest session with two cells that were well, else of the latest.

    It is one that was well, if there is one: one that was interrupted may not know its images.
    """
    cells: dict[str, set[CellName]] = defaultdict(set)
    for record in records:
        if record.status == "ok":
            cells[record.session_id].add(cell_name(record))
    several = [record for record in records if len(cells[record.session_id]) > 1]
    session = max(several or records, key=lambda one: (one.started, one.run_id)).session_id
    beside = (record for record in records if record.session_id == session)
    return max(beside, key=lambda one: (one.status == "ok", one.started, one.run_id))


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
        return f"none of its runs succeeded: {runs[0].status}, {failure_reason(runs[0])}"
    if not certified:
        return None
    return next((told for run in well if (told := objection(run))), None)
