"""The runs of one model on one machine: those of one session, and why others stand apart.

A ratio is taken within a session and so on one machine. Of each machine the latest session counts
in which two cells or more ran; times of another hour are no evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

import msgspec

from benchbench.compare.cells import Runs
from benchbench.compare.contrast import CellName, Contrast, Question, cell_name, contrast
from benchbench.compare.losses import stray_mean
from benchbench.compare.places import session_blocks
from benchbench.compare.validity import failure_reason, objection
from benchbench.records import RunRecord


class NotComparable(msgspec.Struct, frozen=True):
    """A cell that no ratio includes, and why; on one machine, where several were compared."""

    model: str
    cell: CellName
    reason: str
    host: str | None = None


class ModelRuns:
    """The runs of one model on one machine in a section.

    `records` are all that may have to be told of; those of `chosen`'s session that did the same
    work are compared. `recorded` are the blocks of that session and model that left a record
    anywhere. `alone`: no other machine is compared in this section.
    """

    def __init__(
        self,
        records: Sequence[RunRecord],
        chosen: RunRecord,
        recorded: Set[int],
        *,
        alone: bool,
        certified: bool,
    ) -> None:
        self._records = records
        self.chosen = chosen
        self._recorded = recorded
        self._alone = alone
        self.runs: Runs = defaultdict(list)
        for record in records:
            if _apart(record, chosen) is None:
                self.runs[cell_name(record)].append(record)
        self.objections = {
            name: told
            for name, runs in sorted(self.runs.items())
            if (told := _objection(runs, certified=certified))
        }

    @property
    def host(self) -> str | None:
        """The machine, where it is one of several."""
        return None if self._alone else self.chosen.machine.host

    @property
    def fit(self) -> list[CellName]:
        """The cells that may be compared."""
        return [name for name in sorted(self.runs) if name not in self.objections]

    def against(
        self, baseline: CellName | None, question: Question, *, wanted: bool
    ) -> tuple[list[Contrast], list[NotComparable]]:
        """Return the contrasts with the baseline, and what is not comparable.

        Where the baseline is not fit here, the first that is takes its place, unless it is the one
        that was `wanted`.
        """
        fit = self.fit
        asked = baseline
        if baseline not in fit:
            baseline = fit[0] if fit and not wanted else None
        others = [self._not(name, told) for name, told in self.objections.items()]
        others += self._elsewhere()
        if baseline is None:
            why = "no cell here may be its baseline"
            if wanted:
                why = f"the baseline {asked} is not comparable here"
            return [], [*others, *(self._not(name, why) for name in fit)]
        if fit == [baseline]:
            return [], [*others, self._not(baseline, "nothing else here may be compared with it")]
        ratios = [
            contrast(
                self.runs[name],
                self.runs[baseline],
                question,
                session_blocks(self.runs, (name, baseline), self._recorded, alone=self._alone),
            )
            for name in fit
            if name != baseline
        ]
        return ratios, others

    def _elsewhere(self) -> Iterator[NotComparable]:
        """Yield the cells that ran, but not in the chosen session or not alike."""
        latest: dict[CellName, str] = {}
        for record in self._records:
            reason = _apart(record, self.chosen)
            if reason is not None and cell_name(record) not in self.runs:
                latest[cell_name(record)] = reason
        for name, reason in sorted(latest.items()):
            yield self._not(name, reason)

    def _not(self, name: CellName, reason: str) -> NotComparable:
        return NotComparable(self.chosen.model, name, reason, self.host)


def machines_of(
    records: Sequence[RunRecord],
    recorded: Mapping[tuple[str, str], Set[int]],
    *,
    certified: bool,
) -> list[ModelRuns]:
    """Part the runs of one model in a section by machine; the session that counts comes first.

    That is the latest in which two cells or more were well. A machine that took part in it has
    that session, another its own latest of two cells, if it did the same work. A machine without a
    name is another only within the session that counts: in an earlier one it may be any of them.
    """
    chosen = _latest_of_two(records)
    by_host: dict[str | None, list[RunRecord]] = defaultdict(list)
    for record in records:
        by_host[record.machine.host].append(record)
    choices = {chosen.machine.host: chosen}
    for host, runs in by_host.items():
        alike = [run for run in runs if _other_work(run, chosen) is None]
        taking_part = [run for run in alike if run.session_id == chosen.session_id]
        if taking_part or (host is not None and _sessions_of_two(alike)):
            choices.setdefault(host, _latest_of_two(taking_part or alike))
    left = [run for host, runs in by_host.items() if host not in choices for run in runs]
    return [
        ModelRuns(
            [*by_host[host], *left] if one is chosen else by_host[host],
            one,
            recorded[one.session_id, one.model],
            alone=len(choices) == 1,
            certified=certified,
        )
        for host, one in choices.items()
    ]


def same_work(record: RunRecord, chosen: RunRecord) -> bool:
    """Say whether two runs of one model trained the same on the same data."""
    work = chosen.spec_sha256, chosen.dataset_sha256
    return (record.spec_sha256, record.dataset_sha256) == work


def _sessions_of_two(records: Sequence[RunRecord]) -> set[str]:
    """Return the sessions in which two cells or more were well."""
    cells: dict[str, set[CellName]] = defaultdict(set)
    for record in records:
        if record.status == "ok":
            cells[record.session_id].add(cell_name(record))
    return {session for session, names in cells.items() if len(names) > 1}


def _latest_of_two(records: Sequence[RunRecord]) -> RunRecord:
    """Return a run of the latest session with two cells that were well, else of the latest."""
    sessions = _sessions_of_two(records)
    several = [record for record in records if record.session_id in sessions]
    latest = max(several or records, key=_age)
    # What a run trained on is known of one that succeeded.
    well = [one for one in records if one.status == "ok" and one.session_id == latest.session_id]
    return max(well, key=_age, default=latest)


def _age(record: RunRecord) -> tuple[str, str]:
    return record.started, record.run_id


def _apart(record: RunRecord, chosen: RunRecord) -> str | None:
    """Say why a run does not stand beside the chosen one; None if it does."""
    if other := _other_work(record, chosen):
        return other
    if record.session_id != chosen.session_id:
        return f"it ran in another session, {record.session_id}: run them together"
    return None


def _other_work(record: RunRecord, chosen: RunRecord) -> str | None:
    """Say what a run did that the chosen one did not; None if they did the same."""
    if record.dataset_sha256 != chosen.dataset_sha256:
        return "it ran on other data of the same name"
    if record.spec_sha256 != chosen.spec_sha256:
        return "it ran another spec or protocol under the same name"
    if record.train_image_count not in {None, chosen.train_image_count}:
        return f"it trained on {record.train_image_count} images, not {chosen.train_image_count}"
    return None


def _objection(runs: Sequence[RunRecord], *, certified: bool) -> str | None:
    """Say why a cell is not comparable, from its runs in one session."""
    well = [run for run in runs if run.status == "ok"]
    if not well:
        return f"none of its runs succeeded: {runs[0].status}, {failure_reason(runs[0])}"
    told = (told for run in well if certified and (told := objection(run)))
    return next(told, None) or stray_mean(well)
