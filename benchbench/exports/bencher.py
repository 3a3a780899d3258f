"""For `bencher run --adapter json --file FILE`: Bencher Metric Format.

Source: https://bencher.dev/docs/reference/bencher-metric-format/, its JSON Schema and limits of
names. `latency` is in nanoseconds, as Bencher defines it, with the 95 % interval of the steady
epoch; `throughput` is images a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from benchbench.compare.summary import images_per_second
from benchbench.exports.cells import ExportedCell, cells_of
from benchbench.exports.json_text import json_text
from benchbench.records import RunRecord

# The longest name of a benchmark that Bencher takes.
_LONGEST = 1024


def export(records: Sequence[RunRecord]) -> str:
    """Return the file. Raises NotMeasured where no cell has a steady epoch."""
    return json_text({_name(cell.name): dict(_measures(cell)) for cell in cells_of(records)})


def _name(text: str) -> str:
    """Return a name that Bencher takes; a longer one ends in its hash, so that it stays its own."""
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: _LONGEST - len(digest) - 1]} {digest}"


def _measures(cell: ExportedCell) -> list[tuple[str, dict[str, float]]]:
    time = cell.timing
    found = [
        (
            "latency",
            _metric(time.seconds, time.low, time.high, scale=1e9),
        ),
        (
            "throughput",
            _metric(images_per_second(cell.runs[0].train_image_count, time.seconds)),
        ),
    ]
    memory = [run.peak_memory_bytes for run in cell.runs if run.peak_memory_bytes]
    if memory:
        found.append(("peak-memory-bytes", _metric(max(memory))))
    return [(name, metric) for name, metric in found if metric]


def _metric(
    value: float | None, low: float | None = None, high: float | None = None, *, scale: float = 1
) -> dict[str, float]:
    ends = {"value": value, "lower_value": low, "upper_value": high}
    return {name: end * scale for name, end in ends.items() if end is not None}
