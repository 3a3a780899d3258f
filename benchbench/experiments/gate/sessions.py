"""Pairs of cells that take turns in one session, block by block, until the intervals are narrow."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from benchbench.experiments.session import conduct, exceeds
from benchbench.measure.clock import now_ns
from benchbench.records import Stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchbench.compare.contrast import Contrast, Question
    from benchbench.experiments.gate.pairs import Pair
    from benchbench.experiments.gate.report import GateRow, PairTimes
    from benchbench.experiments.listener import Listener
    from benchbench.records import RunRecord
    from benchbench.run.plan import Session
    from benchbench.run.store import Store


@dataclass(frozen=True, slots=True)
class Limits:
    """At least `blocks`, the pilot that settles how many, and at most `max_blocks`.

    Beyond `blocks` none is begun that would probably end after `budget_seconds` of the session.
    """

    blocks: int
    max_blocks: int
    budget_seconds: float | None


def hold(
    pairs: Sequence[Pair],
    fresh: Callable[[], Session],
    limits: Limits,
    question: Question,
    *,
    store: Store,
    timeout: float,
    listener: Listener,
) -> list[GateRow]:
    """Hold a session, and a second one of the pairs that came out slower. A row a pair.

    `fresh` makes a session without cells.
    """
    take_turns = functools.partial(
        _take_turns,
        limits=limits,
        question=question,
        store=store,
        timeout=timeout,
        listener=listener,
    )
    first = take_turns(pairs, fresh())
    slower = [
        pair
        for pair, times in first.items()
        if not isinstance(times, str) and times.verdict == "SLOWER"
    ]
    second: dict[Pair, PairTimes | str] = {}
    if slower:
        names = ", ".join(pair.name for pair in slower)
        listener.note(f"slower: {names}; a second session is to confirm it")
        second = take_turns(slower, fresh())
    return [row(pair, first[pair], second.get(pair)) for pair in pairs]


def row(
    pair: Pair,
    first: PairTimes | str | None = None,
    second: PairTimes | str | None = None,
    *,
    trouble: str | None = None,
) -> GateRow:
    """Return the row of a pair; in place of a times there may be why there is none."""
    from benchbench.experiments.gate.report import GateRow

    troubles = [one for one in (first, second, trouble) if isinstance(one, str)]
    return GateRow(
        model=pair.own.model.name,
        backend=pair.own.backend,
        division=pair.own.division,
        first=None if isinstance(first, str) else first,
        second=None if isinstance(second, str) else second,
        trouble="; ".join(troubles) or None,
    )


def _take_turns(
    pairs: Sequence[Pair],
    session: Session,
    *,
    limits: Limits,
    question: Question,
    store: Store,
    timeout: float,
    listener: Listener,
) -> dict[Pair, PairTimes | str]:
    """Return for each pair how it came out, or why it cannot be said.

    The first blocks are a pilot. Its scatter settles after how many a pair is done: with an
    interval that reaches no further from its middle than the margin, wherever that is. To stop on a
    verdict, or on a width that is seen, would be to choose it.
    """
    session = msgspec.structs.replace(session, stopping=Stopping("width", limits.blocks))
    needed: dict[Pair, int] = {}
    started = now_ns()
    runs: dict[Pair, list[RunRecord]] = {pair: [] for pair in pairs}
    blocks = dict.fromkeys(pairs, 0)
    open_pairs = list(pairs)
    for number in range(limits.max_blocks):
        for pair in open_pairs:
            # A group of its own: the nearer in time, the less does the machine drift in between.
            groups = msgspec.structs.replace(session, cells=pair.cells).block(number)
            runs[pair] += conduct(groups, store, timeout, listener)
            blocks[pair] += 1
        open_pairs = [pair for pair in open_pairs if not _failures(pair, runs[pair], blocks[pair])]
        if number + 1 < limits.blocks:
            continue
        if number + 1 == limits.blocks:
            needed = {pair: _needed(pair, runs[pair], question) for pair in open_pairs}
        open_pairs = [pair for pair in open_pairs if number + 1 < needed[pair]]
        spent = (now_ns() - started) / 1e9
        budget = limits.budget_seconds
        if not open_pairs or (budget and exceeds(budget, spent, number + 1)):
            break
    failures = {pair: _failures(pair, runs[pair], blocks[pair]) for pair in pairs}
    return _outcomes(runs, failures, session, question)


def _outcomes(
    runs: Mapping[Pair, Sequence[RunRecord]],
    failures: Mapping[Pair, Sequence[str]],
    session: Session,
    question: Question,
) -> dict[Pair, PairTimes | str]:
    from benchbench.compare.verdicts import judge

    outcomes: dict[Pair, PairTimes | str] = {
        pair: "; ".join(told) for pair, told in failures.items() if told
    }
    whole = [pair for pair in runs if pair not in outcomes]
    contrasts = [_contrast(pair, runs[pair], question) for pair in whole]
    for pair, judged in zip(whole, judge(contrasts, question), strict=True):
        outcomes[pair] = _times(pair, runs[pair], judged, session.session_id)
    return outcomes


def _failures(pair: Pair, records: Sequence[RunRecord], blocks: int) -> list[str]:
    """Return what is wrong with so many blocks of a pair.

    A run is missing, has failed, or is certified for something else.
    """
    from benchbench.compare.validity import ending, objection

    found = Counter((record.block, record.variant) for record in records)
    expected = [(block, cell.variant) for block in range(blocks) for cell in pair.cells]
    failures = [
        f"block {block}: {variant.label if variant else 'it'} has {found[block, variant]} runs, "
        f"expected one"
        for block, variant in expected
        if found[block, variant] != 1
    ]
    for record in records:
        if record.status != "ok":
            failures.append(f"the run {record.run_id} {ending(record)}")
        elif record.certificate and (told := objection(record)):
            failures.append(f"the run {record.run_id} is not comparable: {told}")
    return failures


def _needed(pair: Pair, pilot: Sequence[RunRecord], question: Question) -> int:
    """Return after how many blocks the interval reaches no further than the margin."""
    from benchbench.compare.estimate import blocks_for_width

    found = _contrast(pair, pilot, question)
    if found.steady is None or found.evidence is None:
        return 0
    return blocks_for_width(
        found.evidence.scatter, found.steady.block_count, question.margin, question.confidence
    )


def _contrast(pair: Pair, records: Sequence[RunRecord], question: Question) -> Contrast:
    from benchbench.compare.contrast import contrast

    own, baseline = _sides(pair, records)
    return contrast(own, baseline, question)


def _sides(pair: Pair, records: Sequence[RunRecord]) -> tuple[list[RunRecord], list[RunRecord]]:
    """Tell this tree's records from the other's."""
    own = [record for record in records if record.variant == pair.own.variant]
    return own, [record for record in records if record.variant == pair.baseline.variant]


def _times(
    pair: Pair, records: Sequence[RunRecord], judged: Contrast, session_id: str
) -> PairTimes:
    from benchbench.compare.cells import steady_epochs
    from benchbench.experiments.gate.report import PairTimes

    own, baseline = (steady_epochs(side) for side in _sides(pair, records))
    return PairTimes(
        session_id=session_id,
        own_seconds=own.seconds if own else None,
        baseline_seconds=baseline.seconds if baseline else None,
        contrast=judged,
    )
