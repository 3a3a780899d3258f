"""What `benchbench run` prints of its records, and where to find them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.compare.whole import standing
from benchbench.records import RunRecord
from benchbench.report import comparison, single, tables
from benchbench.report.renderers import markdown, terminal


def render(records: Sequence[RunRecord], results: Path, session_id: str, question: Question) -> str:
    """Return the document of a single run, or the tables and ratios of several, as text."""
    where = f"--results {shlex.quote(str(results))} "
    lost = [one for one in standing(records) if one.status not in {"ok", "skipped"}]
    runs = "1 run is" if len(lost) == 1 else f"{len(lost)} runs are"
    more = f"\n{runs} lost: {go_on(results, session_id)}" if lost else ""
    if len(records) == 1:
        return (
            f"{terminal.render(single.build(records[0]))}\n\n"
            f"record: {results / 'runs' / records[0].run_id}.json\n"
            f"again:  benchbench report {where}--run {records[0].run_id}{more}"
        )
    shown = [tables.render(records, format="markdown")]
    if len({record.model for record in records}) < len(records):
        shown.append(markdown.render(comparison.build(compare(records, question))))
    shown.append(
        f"records: {results / 'runs'}/{session_id}-*.json\n"
        f"again:   benchbench report {where}--session {session_id}\n"
        f"         benchbench compare {where}--session {session_id}{more}"
    )
    return "\n\n".join(shown)


def go_on(results: Path, session_id: str) -> str:
    """Return the command that completes a session."""
    return f"benchbench run --results {shlex.quote(str(results))} --resume {session_id}"
