"""Comparisons as one CSV: a line a cell, a failed run, a ratio over machines; unknown is empty.

Numbers have seven significant digits: more than any clock or float32 score is good for, and few
enough that 0.9859 does not come out as 0.9858999848365784.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import msgspec

from benchbench.compare.cells import Timing
from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import Contrast, Ratio
from benchbench.compare.over_machines import OverMachines
from benchbench.compare.rows import Failure
from benchbench.compare.summary import CellSummary
from benchbench.printable import one_line

Value = str | int | float | None

# The same signs in full width are taken for them by spreadsheets set to Japanese.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_DIGITS = 7
_FIELDS = msgspec.structs.fields(CellSummary)
# Columns of ratios over machines, and their fields.
_OVER_MACHINES = {
    "machine_count": "machine_count",
    "block_count": "block_count",
    "predicted_time_ratio_low": "predicted_low",
    "predicted_time_ratio_high": "predicted_high",
    "between_machines": "between",
    "within_machines": "within",
    "heterogeneity": "heterogeneity",
}


def render(sections: Sequence[Comparison]) -> str:
    """Return the lines under one header."""
    file = io.StringIO()
    writer = csv.DictWriter(file, _header(), restval="", lineterminator="\n")
    writer.writeheader()
    for section in sections:
        for line in _lines(section):
            writer.writerow({name: _plain(value) for name, value in line.items()})
    return file.getvalue()


def defuse(text: str) -> str:
    """Return text that a spreadsheet takes for text: one line, and never a formula.

    Source: OWASP, "CSV injection": cells that start with = + - @ are run as formulas.
    """
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def _plain(value: Value) -> Value:
    if isinstance(value, str):
        return defuse(value)
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else value


def _lines(section: Comparison) -> Iterator[dict[str, Value]]:
    contrasts = {(one.model, one.cell, one.host): one for one in section.contrasts}
    for row in section.rows:
        key = row.cell.model, row.cell.name, row.cell.host
        found = contrasts.get(key) if row.compared else None
        yield {"status": "ok", **_cell(row.cell), **_contrast(found)}
    for failure in section.failures:
        yield _failure(section, failure)
    for one in section.over_machines:
        yield _over_machines(section, one)


def _failure(section: Comparison, failure: Failure) -> dict[str, Value]:
    place = ("dataset", "device", "machine")
    return {
        **{name: getattr(section, name) for name in place},
        **{name: getattr(failure, name) for name in Failure.__struct_fields__},
    }


def _over_machines(section: Comparison, one: OverMachines) -> dict[str, Value]:
    """Return the line of a ratio over machines; its interval is of the middle machine."""
    place = ("dataset", "device", "machine", "threads")
    return {
        "status": "over machines",
        **{name: getattr(section, name) for name in place},
        "model": one.model,
        "backend": one.cell.backend,
        "division": one.cell.division,
        "variant": one.cell.variant or None,
        "baseline": str(one.baseline),
        "time_ratio": one.ratio,
        "time_ratio_low": one.low,
        "time_ratio_high": one.high,
        **{name: getattr(one, field) for name, field in _OVER_MACHINES.items()},
        "verdict": one.verdict,
        "verdict_reason": one.reason,
    }


def _cell(cell: CellSummary) -> dict[str, Value]:
    line: dict[str, Value] = {}
    for field in _FIELDS:
        value = getattr(cell, field.name)
        if "Timing" in str(field.type):
            line |= _timing(field.name, value)
        elif isinstance(value, tuple):
            line[field.name] = "; ".join(f"{name} {version}" for name, version in value)
        else:
            line[field.name] = value
    return line


def _timing(name: str, timing: Timing | None) -> dict[str, Value]:
    line: dict[str, Value] = {name: timing.seconds if timing else None}
    for part in ("low", "high", "least", "greatest"):
        line[f"{name}_{part}"] = getattr(timing, part) if timing else None
    return line


def _contrast(one: Contrast | None) -> dict[str, Value]:
    return {
        "baseline": str(one.baseline) if one else None,
        **_ratio("time_ratio", one.steady if one else None),
        **_ratio("first_epoch_ratio", one.first_epoch if one else None),
        **_ratio("cold_total_ratio", one.cold_total if one else None),
        "break_even_epoch": str(one.break_even) if one and one.break_even else None,
        "verdict": one.verdict if one else None,
        "verdict_reason": one.reason if one else None,
    }


def _ratio(name: str, ratio: Ratio | None) -> dict[str, Value]:
    return {
        name: ratio.ratio if ratio else None,
        f"{name}_low": ratio.low if ratio else None,
        f"{name}_high": ratio.high if ratio else None,
    }


def _header() -> list[str]:
    names = ["status"]
    for field in _FIELDS:
        names += _timing(field.name, None) if "Timing" in str(field.type) else [field.name]
    return [*names, *_contrast(None), *_OVER_MACHINES, "run_id", "seed", "reason"]
