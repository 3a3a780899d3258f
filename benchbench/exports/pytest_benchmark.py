"""For `pytest-benchmark compare FILE`: a benchmark a cell, the steady epochs as its rounds.

Source: pytest-benchmark 5, `session.py` and `stats.py`. A cell of one steady epoch is left out: it
has no deviation.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchbench.exports.cells import ExportedCell, cells_of
from benchbench.exports.json_text import json_text
from benchbench.records import RunRecord

_OUTLYING = 1.5


def export(records: Sequence[RunRecord]) -> str:
    """Return the file. Raises NotMeasured where no cell has two steady epochs."""
    cells = cells_of(records, least=2)
    machine = cells[0].runs[0].machine
    return json_text(
        {
            "machine_info": {
                "node": "",
                "system": machine.system,
                "python_version": machine.python,
                "cpu": {"brand_raw": machine.processor, "count": machine.usable_cores},
            },
            "commit_info": {},
            "benchmarks": [_benchmark(cell) for cell in cells],
            "datetime": max(run.finished for cell in cells for run in cell.runs),
            "version": "5.0.0",
        }
    )


def _benchmark(cell: ExportedCell) -> dict[str, object]:
    run = cell.runs[0]
    return {
        "group": run.model,
        "name": cell.name,
        "fullname": cell.name,
        "params": None,
        "param": None,
        "extra_info": {
            "session": run.session_id,
            "runs": len(cell.runs),
            "certificate": run.certificate.verdict if run.certificate else None,
        },
        "options": {"timer": "perf_counter", "min_rounds": len(cell.steady_seconds)},
        "stats": _stats(cell.steady_seconds),
    }


def _stats(seconds: Sequence[float]) -> dict[str, object]:
    ordered = sorted(seconds)
    mean, deviation = statistics.fmean(ordered), statistics.stdev(ordered)
    low, middle, high = statistics.quantiles(ordered, n=4, method="inclusive")
    reach = _OUTLYING * (high - low)
    inside = [one for one in ordered if low - reach <= one <= high + reach]
    beyond = sum(abs(one - mean) > deviation for one in ordered)
    outliers = len(ordered) - len(inside)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(ordered),
        "median": middle,
        "iqr": high - low,
        "q1": low,
        "q3": high,
        "iqr_outliers": outliers,
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{outliers}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": 1 / mean,
        "total": sum(ordered),
        "data": list(seconds),
        "iterations": 1,
    }
