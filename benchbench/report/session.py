"""What `benchbench run` prints of its records, and where to find them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.records import RunRecord
from benchbench.report import comparison, single, tables
from benchbench.report.renderers import markdown, terminal


def render(records: Sequence[RunRecord], results: Path, session_id: str, question: Question) -> str:
    """Return the document of a single run, or the tables and ratios of several, as text."""
    where = f"--results {shlex.quote(str(results))} "
    if len(records) == 1:
        return (
            f"{terminal.render(single.build(records[0]))}\n\n"
            f"record: {results / 'runs' / records[0].run_id}.json\n"
            f"again:  benchbench report {where}--run {records[0].run_id}"
        )
    shown = [tables.render(records, format="markdown")]
    if len({record.model for record in records}) < len(records):
        shown.append(markdown.render(comparison.build(compare(records, question))))
    shown.append(
        f"records: {results / 'runs'}/{session_id}-*.json\n"
        f"again:   benchbench report {where}--session {session_id}\n"
        f"         benchbench compare {where}--session {session_id}"
    )
    return "\n\n".join(shown)
