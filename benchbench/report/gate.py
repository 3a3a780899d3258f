"""What a gate found, as people read it: a line a cell, PASS or FAIL at the end."""

from __future__ import annotations

from benchbench.compare.contrast import OPEN
from benchbench.experiments.gate.report import GateReport, GateRow, PairTimes
from benchbench.printable import one_line
from benchbench.report import text
from benchbench.report.document import Document, Grid, Heading, Paragraph, grid, items


def build(report: GateReport) -> Document:
    """Return the report, PASS or FAIL in its last line."""
    other = report.other or f"{report.ref}@{(report.ref_commit or '')[:7]}"
    told = [f"{row.cell}: {words}" for row in report.rows if (words := _told(row))]
    return (
        Heading(f"{report.own[0].upper()}{report.own[1:]} against {other}, {report.dataset}"),
        _grid(report, other),
        *items([*report.notes, *told]),
        Paragraph(
            f"The time ratio is the epoch time of {report.own} over that of {other}, with its "
            f"{100 * report.confidence:g} % confidence interval. Times within "
            f"{100 * report.margin:g} % of each other count as the same. The first epoch of each "
            f"run is left out."
        ),
        Paragraph(_conclusion(report)),
    )


def _grid(report: GateReport, other: str) -> Grid:
    right = [f"{other} s", f"{report.own} s", "time ratio", "blocks"]
    return grid(
        [_line(row) for row in report.rows],
        ["model", "backend", "division", *right, "verdict"],
        right=right,
        states=["verdict"],
    )


def _line(row: GateRow) -> list[str]:
    times = row.first
    name = [row.model, row.backend, row.division]
    if times is None:
        return [*name, *[text.UNKNOWN] * 4, "not compared"]
    return [
        *name,
        text.seconds(times.baseline_seconds),
        text.seconds(times.own_seconds),
        times.ratio,
        text.count(times.contrast.steady.block_count if times.contrast.steady else None),
        _verdict(row, times),
    ]


def _verdict(row: GateRow, times: PairTimes) -> str:
    if row.second is None:
        return times.verdict
    return f"{times.verdict}, {'confirmed' if row.confirmed else 'not confirmed'}"


def _told(row: GateRow) -> str | None:
    """Return what the table does not say of a row."""
    if row.trouble or row.first is None:
        return row.trouble
    if row.second:
        word = "confirms it" if row.confirmed else "does not confirm it, so it passes"
        return f"a second session {word}: {row.second.verdict}, {row.second.ratio}"
    if row.first.verdict in OPEN:
        return f"{row.first.verdict}: {row.first.reason}"
    return None


def _conclusion(report: GateReport) -> str:
    if not report.passed:
        return f"FAIL: {one_line('; '.join(report.objections))}"
    verdicts = [row.first.verdict for row in report.rows if row.first]
    counts = [f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts)]
    unconfirmed = sum(row.second is not None for row in report.rows)
    ending = f" ({unconfirmed} SLOWER not confirmed)" if unconfirmed else ""
    return f"PASS: {', '.join(counts)}{ending}"
