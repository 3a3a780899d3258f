"""For github-action-benchmark with `tool: customSmallerIsBetter`: seconds and bytes of each cell.

Source: https://github.com/benchmark-action/github-action-benchmark, "customSmallerIsBetter".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchbench.exports.cells import ExportedCell, cells_of
from benchbench.exports.json_text import json_text
from benchbench.records import RunRecord


def export(records: Sequence[RunRecord]) -> str:
    """Return the file. Raises NotMeasured where no cell has a steady epoch."""
    return json_text([entry for cell in cells_of(records) for entry in _entries(cell)])


def _entries(cell: ExportedCell) -> Iterator[dict[str, object]]:
    time = cell.timing
    run = cell.runs[0]
    extra = f"{len(cell.runs)} runs, session {run.session_id}, certificate "
    extra += run.certificate.verdict if run.certificate else "none"
    steady: dict[str, object] = {
        "name": f"{cell.name}: steady epoch",
        "unit": "s",
        "value": time.seconds,
        "extra": extra,
    }
    if time.low is not None and time.high is not None:
        steady["range"] = f"{time.low:.6g} to {time.high:.6g} (95 %)"
    yield steady
    memory = [run.peak_memory_bytes for run in cell.runs if run.peak_memory_bytes]
    if memory:
        yield {"name": f"{cell.name}: peak memory", "unit": "bytes", "value": max(memory)}
