"""From saved runs to what may be compared: sections of rows, and what is not comparable, and why.

A section is one data set on one kind of machine and device with one thread budget. In it, each
model's cells are compared machine by machine, each within one session, the latest in which two
cells or more ran: times of another hour are no evidence. What that leaves out is listed with the
reason, never dropped in silence. Seconds of several machines are never pooled; what holds on
machines of the kind is said by `over_machines`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from benchbench.compare.accuracy import Accuracy, accuracies
from benchbench.compare.baseline import Baseline
from benchbench.compare.cells import model_order
from benchbench.compare.contrast import CellName, Contrast, Question, cell_name
from benchbench.compare.model_runs import ModelRuns, NotComparable, machines_of, same_work
from benchbench.compare.over_machines import OverMachines, over_machines
from benchbench.compare.places import SectionKey, by_place, recorded_blocks
from benchbench.compare.remarks import remarks
from benchbench.compare.rows import Failure, Row, failures, rows
from benchbench.compare.summary import CellSummary, summarise
from benchbench.compare.verdicts import judge
from benchbench.compare.whole import counted
from benchbench.data.names import QUICK
from benchbench.records import RunRecord

# Model, host, session, spec, data, number of training images.
_Kind: TypeAlias = tuple[str, str | None, str, str, str | None, int | None]
# Blocks that a sentence names.
_TOLD = 5


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One section. `rows` are the cells of every session, `contrasts` the ratios of some of them.

    `machine` is the kind of machine, `software` what tells it from others of the kind that ran with
    other versions. `hosts` are the machines, several or none: each has contrasts of its own, and
    `over_machines` is what holds on machines of the kind. `sessions` are those that were compared,
    by model; `remarks` are sentences on their runs. `failures` are the runs that came to no valid
    end, of every session. `blocks_of_no_machine` are sentences on blocks that left no record.
    """

    dataset: str
    device: str | None
    machine: str
    software: str = ""
    threads: int
    question: Question
    hosts: tuple[str, ...] = ()
    sessions: dict[str, str]
    rows: tuple[Row, ...]
    contrasts: tuple[Contrast, ...]
    over_machines: tuple[OverMachines, ...] = ()
    not_comparable: tuple[NotComparable, ...]
    accuracies: tuple[Accuracy, ...]
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()
    blocks_of_no_machine: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[CellSummary, ...]:
        """The cells of the sessions that were compared."""
        return tuple(row.cell for row in self.rows if row.compared)

    @property
    def title(self) -> str:
        device = self.device or "an unknown device"
        kind = f"{self.machine}, {self.software}" if self.software else self.machine
        return f"{self.dataset} on {device} ({kind}), threads {self.threads}"


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
    recorded = recorded_blocks(counting)
    return tuple(
        _section(
            place,
            sections.get(place, []),
            question,
            wanted,
            recorded=recorded,
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
    recorded: Mapping[tuple[str, str], Set[int]],
    certified: bool,
    skipped: Sequence[RunRecord],
) -> Comparison:
    by_model: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        by_model[record.model].append(record)
    models = [
        _Model(by_model[model], machines_of(by_model[model], recorded, certified=certified))
        for model in sorted(by_model, key=model_order)
    ]
    common = _most_common(name for model in models for one in model.machines for name in one.fit)
    contrasts: list[Contrast] = []
    not_comparable: list[NotComparable] = []
    for one in models:
        ratios, others = one.against(wanted, common, question)
        contrasts += ratios
        not_comparable += others
    hosts = {host for one in models for host in one.hosts}
    machines = {one.name: one.machines for one in models}
    lost = {one.name: told for one in models if (told := one.blocks_of_no_machine(recorded))}
    judged = _unjudged(contrasts) if place.dataset.endswith(QUICK) else judge(contrasts, question)
    compared = {key for one in models for key in one.compared}
    return Comparison(
        dataset=place.dataset,
        device=place.device or None,
        machine=place.machine,
        software=place.software,
        threads=place.threads,
        question=question,
        hosts=tuple(sorted(hosts)),
        sessions={one.name: one.session_id for one in models},
        rows=rows(
            # Devices side by side stand together, model by model.
            sorted(summarise(records, question.confidence), key=lambda one: model_order(one.model)),
            lambda cell: _kind(cell) in compared,
        ),
        contrasts=judged,
        over_machines=over_machines(judged, machines, lost, question),
        not_comparable=tuple(not_comparable),
        accuracies=tuple(one for model in models for one in accuracies(model.alike())),
        failures=failures([*records, *skipped]),
        remarks=tuple(told for one in models for told in remarks(one.runs())),
        blocks_of_no_machine=tuple(f"{name}: {told}" for name, told in lost.items()),
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


def _most_common(names: Iterable[CellName]) -> CellName | None:
    """Return the cell that is named most often, the first by name among equals."""
    counts = Counter(names)
    return min(counts, key=lambda name: (-counts[name], name), default=None)


@dataclass(frozen=True, slots=True)
class _Model:
    """The runs of one model in a section, on one machine or several; the first has the session."""

    records: Sequence[RunRecord]
    machines: Sequence[ModelRuns]

    @property
    def name(self) -> str:
        return self.records[0].model

    @property
    def session_id(self) -> str:
        return self.machines[0].chosen.session_id

    @property
    def hosts(self) -> set[str]:
        """The machines that have a name, where there are several."""
        return {one.host for one in self.machines if one.host is not None}

    @property
    def compared(self) -> Iterator[_Kind]:
        """The kinds of cells that ratios are of."""
        for one in self.machines:
            run = one.chosen
            for count in {None, run.train_image_count}:
                work = run.spec_sha256, run.dataset_sha256, count
                yield run.model, run.machine.host, run.session_id, *work

    def against(
        self, wanted: CellName | None, common: CellName | None, question: Question
    ) -> tuple[list[Contrast], list[NotComparable]]:
        """Return the contrasts with one baseline on all machines, and what is not comparable."""
        counts = Counter(name for one in self.machines for name in one.fit)
        usual = min(counts, key=lambda name: (-counts[name], name != common, name), default=None)
        contrasts: list[Contrast] = []
        not_comparable: list[NotComparable] = []
        for one in sorted(self.machines, key=lambda one: one.host or ""):
            ratios, others = one.against(wanted or usual, question, wanted=wanted is not None)
            contrasts += ratios
            not_comparable += others
        return contrasts, not_comparable

    def alike(self) -> list[RunRecord]:
        """Return the runs of any session and machine that trained the same on the same data."""
        chosen = self.machines[0].chosen
        return [one for one in self.records if same_work(one, chosen)]

    def runs(self) -> Iterator[RunRecord]:
        """Yield the runs that are compared."""
        for one in self.machines:
            for runs in one.runs.values():
                yield from runs

    def blocks_of_no_machine(self, recorded: Mapping[tuple[str, str], Set[int]]) -> str:
        """Say which blocks of a session over several machines left no record on any; "" if none."""
        if len(self.machines) == 1:
            return ""
        numbers = recorded[self.session_id, self.name]
        again = {lost for run in self.runs() for lost in run.replaces_blocks}
        missing = sorted(set(range(max(numbers) + 1)) - numbers - again)
        if not missing:
            return ""
        shown = ", ".join(map(str, missing[:_TOLD]))
        more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
        blocks = "block" if len(missing) == 1 else "blocks"
        return f"{blocks} {shown}{more} left no record on any machine"


def _kind(cell: CellSummary) -> _Kind:
    work = cell.spec_sha256, cell.dataset_sha256, cell.train_image_count
    return cell.model, cell.host, cell.session_id, *work
