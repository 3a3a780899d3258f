"""How far a session has come, as people read it: a line a block, and the commands that go on."""

from __future__ import annotations

from pathlib import Path

from benchbench.experiments.session_status import BlockStatus, SessionStatus
from benchbench.report.document import Block, Document, Facts, Paragraph, Verbatim, grid
from benchbench.report.session import go_on, look_after

_MOST_ROWS = 60


def build(found: SessionStatus, results: Path) -> Document:
    """Return the state of a session: what is not done first, where there are many blocks."""
    states = dict.fromkeys(one.state for one in found.blocks)
    counts = ", ".join(f"{found.count(state)} {state}" for state in states) or "none yet"
    facts = Facts(
        (
            ("session", found.session_id),
            ("executor", found.executor),
            ("blocks", f"{found.wanted} wanted: {counts}"),
        )
    )
    shown = sorted(found.blocks, key=lambda one: (one.state == "done", one.block))[:_MOST_ROWS]
    rows = [_row(one) for one in sorted(shown, key=lambda one: one.block)]
    table = grid(rows, ["block", "state", "node", "good runs", "reason"], right=("block",))
    blocks: list[Block] = [facts, table] if rows else [facts]
    if len(found.blocks) > len(rows):
        blocks.append(Paragraph(f"{len(found.blocks) - len(rows)} more blocks are done."))
    if found.silent:
        blocks.append(Paragraph(f"The executor could not be asked: {found.silent}"))
    return (*blocks, Verbatim(_ending(found, results)))


def _row(one: BlockStatus) -> tuple[str, ...]:
    again = "" if one.again_as is None else f"; done again, as block {one.again_as}"
    runs = f"{one.good_runs} of {one.runs}"
    return str(one.block), one.state, one.node, runs, f"{one.reason}{again}"


def _ending(found: SessionStatus, results: Path) -> str:
    if found.count("waiting") or found.count("running"):
        return look_after(results, found.session_id)
    if found.lacking:
        runs = "1 block lacks" if found.lacking == 1 else f"{found.lacking} blocks lack"
        return f"{runs} good runs: {go_on(results, found.session_id)}"
    return "the session is whole"
