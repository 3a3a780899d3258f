"""What a reader of a table should know beside its figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.trend import trend
from benchbench.records import RunRecord


def remarks(records: Iterable[RunRecord]) -> Iterator[str]:
    """Yield remarks on the data, on blocks that were run again, on trends; each once."""
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
    for (model, _, name), runs in cells.items():
        if told := trend(runs):
            yield f"{model}, {name}: {told}"
