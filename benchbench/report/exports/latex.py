"""Tables as LaTeX, for the booktabs package, failures beneath each as a list."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.report.table import Failure, Table, columns
from benchbench.report.text import UNKNOWN, one_line

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        UNKNOWN: "--",
    }
)


def export(tables: Sequence[Table]) -> str:
    """Return one table environment a table."""
    return "\n\n".join(_section(table) for table in tables)


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is, on one line."""
    return one_line(text).translate(_ESCAPES)


def _section(table: Table) -> str:
    parts = []
    if table.rows:
        parts.append(_tabular(table))
    if table.not_comparable:
        items = [rf"\item {escape(f'{name}: {why}')}" for name, why in table.not_comparable]
        parts.append(_list(f"Not comparable in the table of {escape(table.title)}:", items))
    if table.failures:
        heading = f"Not in the table of {escape(table.title)}:"
        parts.append(_list(heading, list(map(_item, table.failures))))
    return "\n\n".join(parts)


def _list(heading: str, items: Sequence[str]) -> str:
    lines = "\n".join(items)
    return f"{heading}\n\\begin{{itemize}}\n{lines}\n\\end{{itemize}}"


def _tabular(table: Table) -> str:
    import pandas as pd

    shown = columns(table)
    # Escaped here: pandas' own escaping also rewrites text that looks like mathematics.
    frame = pd.DataFrame(
        [[escape(column.cell(row)) for column in shown] for row in table.rows],
        columns=[escape(column.header) for column in shown],
    )
    latex = frame.to_latex(
        index=False,
        escape=False,
        column_format="".join("r" if column.right else "l" for column in shown),
        caption=escape(table.title),
    )
    return str(latex).strip()


def _item(failure: Failure) -> str:
    cell = f"{failure.status}: {failure.model}, {failure.backend}, {failure.division}"
    return rf"\item {escape(f'{cell}, seed {failure.seed}: {failure.reason} ({failure.run_id})')}"
