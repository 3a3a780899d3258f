"""What a reader of a table should know beside its figures."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.stalls import stalls
from benchbench.compare.trend import trend
from benchbench.measure.noise import noise_marks
from benchbench.records import RunRecord

# So small a share of the threads at work is said.
_AT_WORK = 0.5


def remarks(records: Iterable[RunRecord]) -> Iterator[str]:
    """Yield remarks on the data, on blocks that were run again, trends and stalls; each once."""
    records = [record for record in records if record.status == "ok"]
    yield from dict.fromkeys(
        f"{record.dataset}: {remark}" for record in records for remark in record.remarks
    )
    again = {
        (record.model, lost, record.block) for record in records for lost in record.replaces_blocks
    }
    for model, lost, block in sorted(again):
        yield f"{model}: block {lost} lost a run; its cells ran again, as block {block} (--resume)"
    cells: dict[tuple[str, str, CellName], list[RunRecord]] = defaultdict(list)
    for record in records:
        cells[record.model, record.session_id, cell_name(record)].append(record)
    yield from _not_audited(records)
    pythons = {name: runs[0].machine.python for (_, _, name), runs in cells.items()}
    if len(set(pythons.values())) > 1:
        told = ", ".join(f"{name} {version}" for name, version in sorted(pythons.items()))
        yield f"not all ran under the same Python: {told}"
    for (model, _, name), runs in cells.items():
        for told in filter(None, (trend(runs), stalls(runs), _idle_threads(runs))):
            yield f"{model}, {name}: {told}"


def _not_audited(records: Iterable[RunRecord]) -> Iterator[str]:
    """Say which cells' runs were not repeated by the reference, and why; or in part."""
    cells: dict[tuple[int, str], dict[str, None]] = defaultdict(dict)
    for record in records:
        if record.audit and record.audit.reason:
            key = len(record.audit.epochs), record.audit.reason
            cells[key][f"{record.model} {cell_name(record)}"] = None
    for (count, reason), names in cells.items():
        what = f"audited in {count} of its epochs" if count else "not audited"
        yield f"{what}, {reason}: {', '.join(names)}"


def _idle_threads(runs: Sequence[RunRecord]) -> str | None:
    """Say that far fewer threads were at work on the CPU than the runs were given.

    Runs of which most epochs were disturbed do not count: their threads waited for a core.
    """
    threads = runs[0].threads
    seen = [
        run.threads_observed
        for run in runs
        if run.threads_observed is not None and not _mostly_noisy(run)
    ]
    if runs[0].device != "cpu" or threads < 2 or not seen:
        return None
    middle = statistics.median(seen)
    if middle > _AT_WORK * threads:
        return None
    return (
        f"of the {threads} threads that it was given {middle:.1f} were at work on average; "
        f"--threads {max(1, math.ceil(middle))} may do as well"
    )


def _mostly_noisy(run: RunRecord) -> bool:
    return 2 * len({mark.epoch for mark in noise_marks(run, None)}) > len(run.epochs)
