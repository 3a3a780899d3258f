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


def markdown_table(
    rows: Sequence[Sequence[str]], headers: Sequence[str], right: Sequence[str] = ()
) -> str:
    """Return one table, its cells escaped; the headers in `right` are aligned to the right."""
    # Without `disable_numparse`, tabulate turns version 1.10 into 1.1.
    return tabulate(
        [[escape(cell) for cell in row] for row in rows],
        headers=list(headers),
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if header in right else "left" for header in headers],
    )


def _section(table: Table) -> str:
    parts = [f"## {escape(table.title)}"]
    if table.rows:
        parts.append(_grid(table))
    if table.not_comparable:
        lines = [f"- {escape(name)}: {escape(why)}" for name, why in table.not_comparable]
        parts.append("\n".join(["Not comparable:", "", *lines]))
    if table.failures:
        parts.append("\n".join(["Not in the table:", "", *map(_item, table.failures)]))
    return "\n\n".join(parts)


def _grid(table: Table) -> str:
    shown = columns(table)
    return markdown_table(
        [[column.cell(row) for column in shown] for row in table.rows],
        [column.header for column in shown],
        right=[column.header for column in shown if column.right],
    )


def _item(failure: Failure) -> str:
    cell = f"{failure.model}, {failure.backend}, {failure.division}, seed {failure.seed}"
    return f"- **{failure.status}**: {escape(cell)}: {escape(failure.reason)} ({failure.run_id})"
