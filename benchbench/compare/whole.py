"""Runs as they count: a finished one that is not whole is invalid, whatever its record says.

The conductor finds the same while a run is made. Records of an older one come here unexamined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from benchbench.compare.contrast import CellName, cell_name
from benchbench.measure.noise import short_epochs
from benchbench.records import RunRecord


def counted(records: Iterable[RunRecord]) -> Iterator[RunRecord]:
    """Yield the runs of all cells but those that were skipped whenever they came up.

    A finished run with a too short epoch, or with fewer epochs than another of its session and
    spec, comes out invalid.
    """
    cells: dict[tuple[str, str, CellName], list[RunRecord]] = defaultdict(list)
    epochs: dict[tuple[str, str], int] = defaultdict(int)
    for record in records:
        cells[record.session_id, record.model, cell_name(record)].append(record)
        spec = record.session_id, record.spec_sha256
        epochs[spec] = max(epochs[spec], len(record.epochs))
    for runs in cells.values():
        if any(run.status != "skipped" for run in runs):
            yield from (_judged(run, epochs) for run in runs)


def _judged(run: RunRecord, epochs: Mapping[tuple[str, str], int]) -> RunRecord:
    if run.status != "ok":
        return run
    faults = list(short_epochs(run.epochs))
    expected = epochs[run.session_id, run.spec_sha256]
    if len(run.epochs) < expected:
        faults.append(f"it has {len(run.epochs)} epochs, others of its session have {expected}")
    return (
        msgspec.structs.replace(run, status="invalid", error="; ".join(faults)) if faults else run
    )
