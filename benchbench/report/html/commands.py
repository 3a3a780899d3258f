"""The commands that made a page's records, worked out from the records themselves."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from benchbench.data.names import QUICK
from benchbench.printable import one_line
from benchbench.records import RunRecord
from benchbench.report.document import Document, Paragraph, Verbatim
from benchbench.spec.catalog import MODELS, MORE_MODELS
from benchbench.spec.protocol import TrainingProtocol

_MOST_COMMANDS = 20
_CATALOG = {**MODELS, **MORE_MODELS}


def build(records: Iterable[RunRecord]) -> Document:
    """Return a command a kind of session; sessions that one command makes share a line."""
    sessions: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        sessions[record.session_id].append(record)
    counts: dict[str, int] = defaultdict(int)
    for runs in sessions.values():
        counts[command_of(runs)] += 1
    lines = [
        f"{command}  # {count:,} sessions" if count > 1 else command
        for command, count in sorted(counts.items(), key=lambda one: -one[1])
    ]
    if not lines:
        return ()
    more = len(lines) - _MOST_COMMANDS
    if more > 0:
        lines[_MOST_COMMANDS:] = [f"# and {more:,} more"]
    words = Paragraph(
        "The commands that make such sessions, worked out from the records. A model, a data set or "
        "a protocol of one's own stands as a file; a width or a budget is not in records."
    )
    return words, Verbatim("\n".join(lines))


def command_of(runs: Sequence[RunRecord]) -> str:
    """Return the command that makes a session like this one, as far as its records tell."""
    words = [*_verb(runs), *_subject(runs), *_setting(runs), *_length(runs)]
    return shlex.join(["benchbench", *map(one_line, words)])


def _verb(runs: Sequence[RunRecord]) -> Iterator[str]:
    variants = {run.variant for run in runs if run.variant}
    others = sorted({one.label.partition("@")[0] for one in variants if "@" in one.label})
    if others:
        yield from ("gate", "--against", others[0])
    elif variants:
        yield "selftest"
        for slowdown in sorted({one.slowdown for one in variants if one.slowdown}):
            yield from ("--slowdown", f"{100 * slowdown:g}%")
    else:
        yield "run"


def _subject(runs: Sequence[RunRecord]) -> Iterator[str]:
    for backend in dict.fromkeys(run.backend for run in runs):
        yield from ("--backend", backend)
    divisions = {run.division for run in runs}
    yield from ("--division", divisions.pop() if len(divisions) == 1 else "all")
    for model in dict.fromkeys(run.spec for run in runs):
        named = _CATALOG.get(model.name) == model
        yield from ("--model", model.name if named else f"{model.name}.toml")


def _setting(runs: Sequence[RunRecord]) -> Iterator[str]:
    first = runs[0]
    if first.dataset.endswith(QUICK):
        yield "--quick"
    yield from ("--dataset", first.dataset.removesuffix(QUICK))
    usual = TrainingProtocol()
    if msgspec.structs.replace(first.protocol, epochs=usual.epochs) != usual:
        yield from ("--protocol", "protocol.toml")
    if first.protocol.epochs != usual.epochs:
        yield from ("--epochs", str(first.protocol.epochs))
    for device in sorted({run.device for run in runs if run.device}):
        yield from ("--device", device)
    yield from ("--threads", str(first.threads))
    seed = min(run.seed - run.block for run in runs)
    if seed > 0:
        yield from ("--seed", str(seed))


def _length(runs: Sequence[RunRecord]) -> Iterator[str]:
    stopping = runs[0].stopping
    lengths = {len(run.epochs) - 1 for run in runs if run.status == "ok" and run.further_epochs}
    if lengths:
        same = len(lengths) == 1 and all(run.further_epochs for run in runs)
        yield from ("--steady-epochs", str(lengths.pop()) if same else "auto")
    gate = any(run.variant and "@" in run.variant.label for run in runs)
    if stopping and not gate:
        yield from ("--until", "verdict" if stopping.rule == "verdict" else "WIDTH")
    elif not gate:
        yield from ("--blocks", str(1 + max(run.block for run in runs)))
    if any(run.uncertified and run.uncertified.startswith("--no-certify") for run in runs):
        yield "--no-certify"
