"""For `pyperf compare_to A B`: a benchmark a cell, a run a process, the first epoch as warm-up.

Source: pyperf 2, "JSON file format", version 1.0. A cell of one steady epoch is left out: pyperf
compares by a t-test.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from benchbench.compare.cells import machine_name
from benchbench.exports.cells import ExportedCell, cells_of, steady_seconds
from benchbench.exports.json_text import json_text
from benchbench.records import RunRecord


def export(records: Sequence[RunRecord]) -> str:
    """Return the file. Raises NotMeasured where no cell has two steady epochs."""
    return json_text(
        {"version": "1.0", "benchmarks": [_benchmark(one) for one in cells_of(records, least=2)]}
    )


def _benchmark(cell: ExportedCell) -> dict[str, object]:
    run = cell.runs[0]
    metadata = {
        "name": cell.name,
        "unit": "second",
        "loops": 1,
        "description": "training time of an epoch after the first",
        "cpu_model_name": machine_name(run),
        "python_version": run.machine.python,
    }
    return {
        "metadata": metadata,
        "runs": [_run(one) for one in cell.runs if steady_seconds(one)],
    }


def _run(run: RunRecord) -> dict[str, object]:
    begun = datetime.fromisoformat(run.started).replace(tzinfo=None)
    metadata: dict[str, object] = {"date": begun.isoformat(" ", "microseconds")}
    if run.peak_memory_bytes:
        metadata["mem_max_rss"] = run.peak_memory_bytes
    first = run.epochs[0].train_seconds
    found: dict[str, object] = {"metadata": metadata, "values": steady_seconds(run)}
    return found | ({"warmups": [[1, first]]} if first > 0 else {})
