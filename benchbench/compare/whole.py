"""Runs as they count: those of a block that was run again do not, nor one that is not whole.

The conductor finds the same while a run is made. Records of an older one come here unexamined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.losses import stray_run
from benchbench.measure.noise import short_epochs
from benchbench.records import RunRecord


def counted(records: Iterable[RunRecord]) -> Iterator[RunRecord]:
    """Yield the runs of all cells but those that were skipped whenever they came up.

    Those of a block that was run again are left out. A finished run with a too short epoch, with
    losses outside its band, or with fewer epochs than another of its session and spec that was to
    train as many, comes out invalid.
    """
    cells: dict[tuple[str, str, CellName], list[RunRecord]] = defaultdict(list)
    epochs: dict[tuple[str, str, int], int] = defaultdict(int)
    for record in standing(records):
        cells[record.session_id, record.model, cell_name(record)].append(record)
        epochs[_length(record)] = max(epochs[_length(record)], len(record.epochs))
    for runs in cells.values():
        if any(run.status != "skipped" for run in runs):
            yield from (_judged(run, epochs) for run in runs)


def standing(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the runs whose block was not run again (see `RunRecord.replaces_blocks`)."""
    records = list(records)
    again = {(one.session_id, one.model, lost) for one in records for lost in one.replaces_blocks}
    return [one for one in records if (one.session_id, one.model, one.block) not in again]


def _length(record: RunRecord) -> tuple[str, str, int]:
    return record.session_id, record.spec_sha256, record.further_epochs


def _judged(run: RunRecord, epochs: Mapping[tuple[str, str, int], int]) -> RunRecord:
    if run.status != "ok":
        return run
    faults = list(short_epochs(run.epochs))
    expected = epochs[_length(run)]
    if why := stray_run(run):
        faults.append(f"losses: {why}")
    if len(run.epochs) < expected:
        faults.append(f"it has {len(run.epochs)} epochs, others of its session have {expected}")
    asked_for = run.protocol.epochs + run.further_epochs
    if run.further_epochs and len(run.epochs) < asked_for:
        faults.append(f"it has {len(run.epochs)} epochs, asked for were {asked_for}")
    return (
        msgspec.structs.replace(run, status="invalid", error="; ".join(faults)) if faults else run
    )
