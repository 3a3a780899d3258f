"""What a gate found, as people read it: a line a cell, PASS or FAIL at the end."""

from __future__ import annotations

from benchbench.experiments.gate_report import Contest, GateReport, GateRow
from benchbench.report import text
from benchbench.report.exports.markdown import escape, markdown_table


def render(report: GateReport) -> str:
    """Return the report as Markdown, PASS or FAIL in its last line."""
    other = f"{report.ref}@{report.ref_commit[:7]}"
    parts = [f"## {escape(f'This tree against {other}, {report.dataset}')}", _grid(report, other)]
    remarks = [f"- {escape(note)}" for note in report.notes]
    remarks += [f"- {escape(f'{row.cell}: {told}')}" for row in report.rows if (told := _told(row))]
    if remarks:
        parts.append("\n".join(remarks))
    parts.append(
        f"Steady epochs, medians in seconds; the ratio is this tree's time over {other}'s, with "
        f"its {report.confidence:.0%} interval; the margin is {report.margin:.3g}."
    )
    parts.append(_conclusion(report))
    return "\n\n".join(parts)


def _grid(report: GateReport, other: str) -> str:
    right = [f"{other} s", "this tree s", "time ratio", "blocks"]
    return markdown_table(
        [_line(row) for row in report.rows],
        ["model", "backend", "division", *right, "verdict"],
        right=right,
    )


def _line(row: GateRow) -> list[str]:
    contest = row.first
    name = [row.model, row.backend, row.division]
    if contest is None:
        return [*name, *[text.UNKNOWN] * 4, "not compared"]
    return [
        *name,
        text.seconds(contest.baseline_seconds),
        text.seconds(contest.own_seconds),
        contest.ratio,
        text.count(contest.contrast.steady.block_count if contest.contrast.steady else None),
        _verdict(row, contest),
    ]


def _verdict(row: GateRow, contest: Contest) -> str:
    if row.second is None:
        return contest.verdict
    return f"{contest.verdict}, {'confirmed' if row.confirmed else 'not confirmed'}"


def _told(row: GateRow) -> str | None:
    """Return what the table does not say of a row."""
    if row.trouble or row.first is None:
        return row.trouble
    if row.second:
        word = "confirms it" if row.confirmed else "does not confirm it, so it passes"
        return f"a second session {word}: {row.second.verdict}, {row.second.ratio}"
    if row.first.verdict in {"UNDECIDED", "EXPLORATORY"}:
        return f"{row.first.verdict}: {row.first.reason}"
    return None


def _conclusion(report: GateReport) -> str:
    if not report.passed:
        return f"FAIL: {text.one_line('; '.join(report.objections))}"
    verdicts = [row.first.verdict for row in report.rows if row.first]
    counts = [f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts)]
    unconfirmed = sum(row.second is not None for row in report.rows)
    ending = f" ({unconfirmed} SLOWER not confirmed)" if unconfirmed else ""
    return f"PASS: {', '.join(counts)}{ending}"
