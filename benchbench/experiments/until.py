"""Blocks that are added until a session has answered: to a width, or to a verdict of every ratio.

Both rules are settled before the first block, stand in every record, and are allowed for by the
statistics of `compare`: to look, and to stop on what is seen, is free only where they are. A model
whose ratios are all answered runs no further block; one that loses its verdict again goes on.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import OPEN, Contrast, Question
from benchbench.compare.estimate import blocks_for_width
from benchbench.compare.whole import standing
from benchbench.errors import UsageError
from benchbench.experiments.listener import Listener
from benchbench.experiments.session import exceeds
from benchbench.measure.clock import now_ns
from benchbench.quantities import fraction, seconds
from benchbench.records import RunRecord, Stopping

# Runs the block of this number, of these models, None for all.
RunBlock: TypeAlias = Callable[[int, Collection[str] | None], Iterator[RunRecord]]
Look: TypeAlias = Callable[[Sequence[RunRecord]], Sequence[Comparison]]

VERDICT = "verdict"
# Of the scatter of five blocks Student's quantile is 1.4 times that of a known one; of three, 2.2.
PILOT_BLOCKS = 5
# The budget ends no session before this: what fewer blocks say is of no use.
LEAST_BLOCKS = 3
_BUDGET_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True)
class Until:
    """Go on until every steady ratio is known within `width`, a fraction, or has its verdict.

    `least_blocks` are run in any case; for a width they are the pilot, whose scatter settles the
    number of all. No block is begun that would probably end after `budget_seconds`.
    """

    width: float | None
    least_blocks: int
    budget_seconds: float

    @property
    def stopping(self) -> Stopping:
        """The rule as records state it."""
        if self.width is None:
            return Stopping("verdict")
        return Stopping("width", self.least_blocks)


def find_until(
    wanted: str | None, blocks: int, budget: str | None = None, *, quick: bool = False
) -> Until | None:
    """Return the rule that `--until` names: "verdict", or a width such as "2%".

    At least `blocks` are run; the `budget` is a span of time ("30m"). Raises UsageError for what is
    neither, for a budget without a rule, and for a quick session, which has no verdict.
    """
    if wanted is None:
        if budget is not None:
            raise UsageError(
                "--budget limits the blocks that --until adds, but there is no --until: give one, "
                "or leave --budget out and say how many --blocks to run"
            )
        return None
    if quick:
        raise UsageError("--quick gives no verdict, so that --until never ends: leave one out")
    width = None if wanted == VERDICT else fraction(wanted, "--until", f"2%, or {VERDICT!r}")
    least = max(blocks, LEAST_BLOCKS if width is None else PILOT_BLOCKS)
    limit = _BUDGET_SECONDS if budget is None else seconds(budget, "--budget")
    return Until(width=width, least_blocks=least, budget_seconds=limit)


def run_until(
    until: Until,
    question: Question,
    run_block: RunBlock,
    look: Look,
    listener: Listener,
    *,
    before: Sequence[RunRecord] = (),
    blocks_before: int = 0,
) -> list[RunRecord]:
    """Run block after block until the rule is met or the budget is spent; return the records.

    `look` compares them as `compare` does. `before` are the records of so many whole blocks, where
    a session is resumed; the budget is for the blocks to come.
    """
    started = now_ns()
    records = list(before)
    progress = _Progress(until, question, look)
    for count in itertools.count(blocks_before):
        if count > blocks_before:
            if progress.open_models is not None:
                listener.note(f"block {count - 1} is of {', '.join(sorted(progress.open_models))}")
            records += run_block(count - 1, progress.open_models)
        elif not count:
            continue
        spent = (now_ns() - started) / 1e9
        ending = progress.ending(count, records)
        listener.note(f"block {count - 1}: {ending or progress.sentence}, {spent:.0f} s spent")
        if ending:
            break
        own = count - blocks_before
        if own and count >= LEAST_BLOCKS and exceeds(until.budget_seconds, spent, own):
            listener.note(
                f"the budget of {until.budget_seconds:.0f} s is spent: {progress.sentence}; "
                f"--budget gives more"
            )
            break
    return records


class _Progress:
    """How far a session is from its end by the rule."""

    def __init__(self, until: Until, question: Question, look: Look) -> None:
        self._until = until
        self._question = question
        self._look = look
        self._totals: dict[str, int] = {}
        self.sentence = ""
        self.open_models: Collection[str] | None = None

    def ending(self, count: int, records: Sequence[RunRecord]) -> str | None:
        """Return why the session ends after `count` blocks; None if it goes on."""
        rows = self._rows(records)
        self.open_models = None
        if hopeless := self._hopeless(count, rows):
            return hopeless
        if self._until.width is None:
            return self._verdicts(count, rows)
        return self._width(self._until.width, count, records)

    def _rows(self, records: Sequence[RunRecord]) -> list[Contrast]:
        return [row for section in self._look(records) for row in section.contrasts]

    def _hopeless(self, count: int, rows: Sequence[Contrast]) -> str | None:
        """Return why no further block can help."""
        may_be_lost = self._question.allow_lost_blocks
        lost = next((told for row in rows for told in row.left_out), None)
        if lost and not may_be_lost:
            return f"no verdict, {lost}; --allow-lost-blocks goes on without it"
        if (not rows or any(row.steady is None for row in rows)) and (
            count >= LEAST_BLOCKS or not may_be_lost
        ):
            return "a cell has no ratio even now; `benchbench compare` says why"
        return None

    def _verdicts(self, count: int, rows: Sequence[Contrast]) -> str | None:
        still_open = [row for row in rows if row.verdict in OPEN]
        self.sentence = f"{len(rows) - len(still_open)} of {len(rows)} ratios have a verdict"
        if count < self._until.least_blocks:
            return None
        self._only({row.model for row in still_open}, rows)
        return None if still_open else self.sentence

    def _only(self, models: Collection[str], rows: Sequence[Contrast]) -> None:
        if len(models) < len({row.model for row in rows}):
            self.open_models = models

    def _width(self, width: float, count: int, records: Sequence[RunRecord]) -> str | None:
        pilot = self._until.least_blocks
        if not self._totals and count >= pilot:
            # A session that is resumed may be past its pilot: the total is what it was.
            first = [one for one in standing(records) if one.block < pilot]
            blocks = len({one.block for one in first})
            totals: dict[str, int] = defaultdict(lambda: pilot)
            for row in self._rows(first):
                totals[row.model] = max(totals[row.model], self._needed(row, blocks, width))
            self._totals = totals
        if not self._totals:
            self.sentence = f"{count} of {pilot} blocks of the pilot"
            return None
        total = max(self._totals.values())
        self._only([name for name, one in self._totals.items() if count < one], self._rows(records))
        self.sentence = f"{count} of the {total} blocks for intervals within {width:.3g}"
        return self.sentence if count >= total else None

    def _needed(self, row: Contrast, count: int, width: float) -> int:
        """Return how many blocks this row needs in all, by its scatter in the pilot's `count`."""
        good = row.steady.block_count if row.steady else 0
        if row.evidence is None:
            return count
        return (
            count
            - good
            + blocks_for_width(row.evidence.scatter, good, width, self._question.confidence)
        )
