"""Tables as one CSV: a line a cell and a line a failed run, raw numbers, unknown is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import msgspec

from benchbench.compare.summary import CellSummary, Spread
from benchbench.compare.tables import Table
from benchbench.printable import one_line

Value = str | int | float | None

# The same signs in full width are taken for them by spreadsheets set to Japanese.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def render(tables: Sequence[Table]) -> str:
    """Return the lines under one header; numbers with all their digits."""
    file = io.StringIO()
    writer = csv.DictWriter(file, _HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(line for table in tables for line in _lines(table))
    return file.getvalue()


def defuse(text: str) -> str:
    """Return text that a spreadsheet takes for text: one line, and never a formula.

    Source: OWASP, "CSV injection": cells that start with = + - @ are run as formulas.
    """
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def _lines(table: Table) -> Iterator[dict[str, Value]]:
    for row in table.rows:
        yield {"status": "ok", **_cell(row.cell)}
    for failure in table.failures:
        line: dict[str, Value] = {
            "dataset": defuse(table.dataset),
            "device": defuse(table.device) if table.device is not None else None,
            "machine": defuse(table.machine),
            "threads": failure.threads,
        }
        for name in ("status", "model", "backend", "division", "run_id", "reason"):
            line[name] = defuse(getattr(failure, name))
        yield line


def _cell(cell: CellSummary) -> dict[str, Value]:
    line: dict[str, Value] = {}
    for field in msgspec.structs.fields(CellSummary):
        value = getattr(cell, field.name)
        if "Spread" in str(field.type):
            line |= _spread(field.name, value)
        elif isinstance(value, tuple):
            line[field.name] = defuse("; ".join(f"{name} {version}" for name, version in value))
        else:
            line[field.name] = defuse(value) if isinstance(value, str) else value
    return line


def _spread(name: str, spread: Spread | None) -> dict[str, Value]:
    parts = ("median", "least", "greatest")
    return {f"{name}_{part}": getattr(spread, part) if spread else None for part in parts}


def _names() -> Iterator[str]:
    yield "status"
    for field in msgspec.structs.fields(CellSummary):
        if "Spread" in str(field.type):
            yield from _spread(field.name, None)
        else:
            yield field.name
    yield from ("run_id", "reason")


_HEADER = tuple(_names())
