"""Tables as GitHub-flavoured Markdown, failures beneath each as a list."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabulate import tabulate

from benchbench.report.table import Failure, Table, columns
from benchbench.report.text import one_line


def export(tables: Sequence[Table]) -> str:
    """Return one section a table."""
    return "\n\n".join(_section(table) for table in tables)


def escape(text: str) -> str:
    """Return text that shows as it is in a Markdown cell: one line, no markup, no HTML.

    Backticks stay: benchbench's own messages mean them.
    """
    return re.sub(r"([\\|<>&*\[\]])", r"\\\1", one_line(text))


def _section(table: Table) -> str:
    parts = [f"## {escape(table.title)}"]
    if table.rows:
        parts.append(_grid(table))
    if table.failures:
        parts.append("\n".join(["Not in the table:", "", *map(_item, table.failures)]))
    return "\n\n".join(parts)


def _grid(table: Table) -> str:
    shown = columns(table)
    # Without `disable_numparse`, tabulate turns version 1.10 into 1.1.
    return tabulate(
        [[escape(column.cell(row)) for column in shown] for row in table.rows],
        headers=[column.header for column in shown],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if column.right else "left" for column in shown],
    )


def _item(failure: Failure) -> str:
    cell = f"{failure.model}, {failure.backend}, {failure.division}, seed {failure.seed}"
    return f"- **{failure.status}**: {escape(cell)}: {escape(failure.reason)} ({failure.run_id})"
