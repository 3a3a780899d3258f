"""What a gate found: two trees, cell by cell, and whether that passes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbench.compare.contrast import Contrast, Verdict
from benchbench.report import text
from benchbench.report.exports.markdown import escape, markdown_table


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of both trees in one session; the other tree's is the baseline.

    Seconds are medians of the steady epochs.
    """

    session_id: str
    own_seconds: float | None
    baseline_seconds: float | None
    contrast: Contrast

    @property
    def verdict(self) -> Verdict:
        return self.contrast.verdict

    @property
    def reason(self) -> str:
        return self.contrast.reason


class GateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cell. Where it is SLOWER, `second` is the session that was to confirm it.

    `trouble` is why it could not be compared, or not a second time.
    """

    model: str
    backend: str
    division: str
    first: Contest | None = None
    second: Contest | None = None
    trouble: str | None = None

    @property
    def cell(self) -> str:
        return f"{self.model} {self.backend} {self.division}"

    @property
    def confirmed(self) -> bool:
        """Whether two sessions, each for itself, say that it is slower."""
        return bool(self.second and self.second.verdict == "SLOWER")

    def objection(self, *, strict: bool) -> str | None:
        """Return why the gate fails over this cell; None if it does not."""
        if self.trouble or self.first is None:
            return self.trouble or "it was not compared"
        if self.first.verdict == "SLOWER":
            return self._slower(self.first)
        if self.first.verdict == "EXPLORATORY":
            return f"no verdict: {self.first.reason}"
        if strict and self.first.verdict == "UNDECIDED":
            return f"UNDECIDED, and --strict was given: {_ratio(self.first)}"
        return None

    def _slower(self, first: Contest) -> str | None:
        if self.second is None:
            return f"SLOWER: {_ratio(first)}, and no second session"
        if self.confirmed:
            return f"SLOWER: {_ratio(first)}, confirmed: {_ratio(self.second)}"
        return None


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that a gate found; `objections` are the reasons for which it fails, if it does.

    `commit` and `changes` are of this tree. `margin` is a fraction.
    """

    ref: str
    ref_commit: str
    commit: str
    changes: tuple[str, ...]
    dataset: str
    dataset_sha256: str | None
    margin: float
    confidence: float
    seed: int
    strict: bool
    notes: tuple[str, ...]
    rows: tuple[GateRow, ...]
    objections: tuple[str, ...]
    passed: bool


def objections(rows: Sequence[GateRow], *, strict: bool) -> tuple[str, ...]:
    """Return every reason to fail; that nothing was compared is one."""
    if not rows:
        return ("there is no cell to compare",)
    told = [(row.cell, row.objection(strict=strict)) for row in rows]
    return tuple(f"{cell}: {reason}" for cell, reason in told if reason)


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
        _ratio(contest),
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
        return f"a second session {word}: {row.second.verdict}, {_ratio(row.second)}"
    if row.first.verdict in {"UNDECIDED", "EXPLORATORY"}:
        return f"{row.first.verdict}: {row.first.reason}"
    return None


def _ratio(contest: Contest) -> str:
    steady = contest.contrast.steady
    if steady is None:
        return text.UNKNOWN
    if steady.low is None or steady.high is None:
        return f"{steady.ratio:.3f}"
    return f"{steady.ratio:.3f} ({steady.low:.3f} to {steady.high:.3f})"


def _conclusion(report: GateReport) -> str:
    if not report.passed:
        return f"FAIL: {text.one_line('; '.join(report.objections))}"
    verdicts = [row.first.verdict for row in report.rows if row.first]
    counts = [f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts)]
    unconfirmed = sum(row.second is not None for row in report.rows)
    ending = f" ({unconfirmed} SLOWER not confirmed)" if unconfirmed else ""
    return f"PASS: {', '.join(counts)}{ending}"
