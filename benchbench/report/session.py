"""What `benchbench run` says of its records in the end, and where to find them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import CellName, Question, cell_name
from benchbench.compare.whole import standing
from benchbench.records import RunRecord
from benchbench.report import comparison, single, tables
from benchbench.report.document import Document, Verbatim


def build(
    records: Sequence[RunRecord], results: Path, session_id: str, question: Question
) -> Document:
    """Return the facts of one run; of several the comparison, or, without one, their figures."""
    where = f"--results {shlex.quote(str(results))} "
    lost = [one for one in standing(records) if one.status not in {"ok", "skipped"}]
    runs = "1 run is" if len(lost) == 1 else f"{len(lost)} runs are"
    more = f"\n{runs} lost; to complete the session: {go_on(results, session_id)}" if lost else ""
    if len(records) == 1:
        (record,) = records
        found = single.build(record)
        ending = (
            f"record: {results / 'runs' / record.run_id}.json\n"
            f"again:  benchbench report {where}--run {record.run_id}"
        )
    else:
        sections = compare(records, question)
        several = len({record.model for record in records}) < len({_cell(one) for one in records})
        found = comparison.build(sections) if several else tables.build(sections)
        verb = "compare" if several else "report"
        ending = (
            f"records: {results / 'runs'}/{session_id}-*.json\n"
            f"again:   benchbench {verb} {where}--session {session_id}"
        )
        if several:
            ending += f"\ndetails: benchbench report {where}--session {session_id}"
    return (*found, Verbatim(f"{ending}{more}"))


def go_on(results: Path, session_id: str) -> str:
    """Return the command that completes a session."""
    return f"benchbench run --results {shlex.quote(str(results))} --resume {session_id}"


def look_after(results: Path, session_id: str) -> str:
    """Return the commands that look after a session whose blocks run elsewhere."""
    where = f"--results {shlex.quote(str(results))} {session_id}"
    return (
        f"look:    benchbench status {where}\n"
        f"collect: {go_on(results, session_id)}\n"
        f"end:     benchbench cancel {where}"
    )


def _cell(record: RunRecord) -> tuple[str, CellName]:
    return record.model, cell_name(record)
