"""Two networks compared, as people read it: the rungs, and the first difference."""

from __future__ import annotations

from benchbench.ports.report import PortReport, PortRung
from benchbench.report import text
from benchbench.report.document import Block, Document, Paragraph, grid, items

_MARKS = {"same": "✓", "differs": "✗", "not reached": text.UNKNOWN}


def build(report: PortReport) -> Document:
    """Return the ladder and the verdict."""
    rows = [[_MARKS[rung.state], rung.name, _number(rung)] for rung in report.rungs]
    blocks: list[Block] = [
        Paragraph(f"{report.b} against {report.a}"),
        grid(rows, ["", "rung", "largest difference"], ["largest difference"]),
        Paragraph(verdict(report)),
    ]
    return (*blocks, *items(list(report.notes), "Worth knowing:"))


def verdict(report: PortReport) -> str:
    """Say whether they are the same function; else rung, layer, variable and trap."""
    if report.same:
        return "THE SAME FUNCTION: both train alike, from the same weights on the same batches"
    place = f"rung: {report.rung}"
    lines = [place]
    if report.layer:
        lines.append(f"layer: {report.layer}")
    if report.variable:
        lines.append(f"variable: {report.variable}")
    lines.append(f"looks like: {report.trap or 'no mistake that is known here'}")
    if report.explanation:
        lines.append(report.explanation)
    return "NOT THE SAME FUNCTION\n" + "\n".join(lines)


def _number(rung: PortRung) -> str:
    if rung.difference is None:
        return ""
    found = f"{rung.difference:.1e}" if rung.difference else "0"
    return f"{found} (at most {rung.tolerance:.0e})" if rung.tolerance else found
