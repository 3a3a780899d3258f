"""May machines of one kind be pooled? Why not, with what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchbench.compare.contrast import Contrast, Question
from benchbench.compare.model_runs import ModelRuns
from benchbench.compare.random_effects import RandomEffects

# With fewer machines it is not known how machines differ, whatever the method.
LEAST_MACHINES = 3
# With fewer a prediction interval hangs on the machines' effects being normal: where they are of
# two kinds it holds a further machine in 87 % (results/fleet/fleet.md).
LEAST_PREDICTED = 5
# Of the machines, so many may have been too full for their threads.
_NOISY = 0.25
# A machine stands apart where chance alone would have it so in one fleet of a hundred.
_APART = 0.01
_LEAST_FOR_APART = 4
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Fleet:
    """The judged contrasts of one cell with one baseline, a machine each.

    `machines` are all that ran the model, and `lost` says which blocks left no record on any, ""
    where there are none.
    """

    rows: Sequence[Contrast]
    machines: Sequence[ModelRuns]
    lost: str

    @property
    def counted(self) -> list[Contrast]:
        """Those that have a ratio, on a machine that was not too full for its threads."""
        return [one for one in self.rows if one.steady and one.verdict != "NOISY"]

    @property
    def block_counts(self) -> list[int]:
        """The number of blocks of each machine that is counted."""
        return [one.steady.block_count for one in self.counted if one.steady]

    @property
    def noisy(self) -> list[str]:
        """Say which machines are left out, being too full."""
        return [f"machine {one.host} was too full" for one in self.rows if one.verdict == "NOISY"]

    @property
    def losses(self) -> list[str]:
        """Say which blocks are lost."""
        found = [f"machine {one.host}, {why}" for one in self.rows for why in one.left_out]
        return [*found, self.lost] if self.lost else found


def objections(fleet: Fleet, question: Question) -> Iterator[str]:
    """Yield why no verdict may be given for machines like these."""
    rows, count, blocks = fleet.rows, len(fleet.counted), sum(fleet.block_counts)
    yield from (one.reason for one in rows if one.verdict == "EXPLORATORY" and one.evidence)
    if any(one.stopping for one in rows):
        yield (
            "the number of blocks was settled by looking at them (--until); give it beforehand, "
            "with --blocks"
        )
    if unfit := list(_unfit(fleet)):
        yield _told(unfit)
    if count < LEAST_MACHINES:
        yield (
            f"{count} {'machine is' if count == 1 else 'machines are'} too few to tell how "
            f"machines of this kind differ: {LEAST_MACHINES} or more are needed"
        )
    if fleet.losses and not question.allow_lost_blocks:
        yield (
            f"{_told(fleet.losses)}. What is left may be a selection: run it again, or take what "
            f"is left with --allow-lost-blocks"
        )
    if len(fleet.noisy) > _NOISY * len(rows):
        yield f"{len(fleet.noisy)} of {len(rows)} machines were too full for their threads"
    if blocks < 2 * count:
        yield (
            f"{count} machines have {blocks} blocks in all: two a machine are needed to tell how "
            f"machines differ from how blocks do"
        )
    verdicts = [one.verdict for one in rows]
    if {"FASTER", "SLOWER"} <= set(verdicts):
        yield (
            f"machines contradict each other: FASTER on {verdicts.count('FASTER')}, SLOWER on "
            f"{verdicts.count('SLOWER')}"
        )
    if LEAST_MACHINES <= count < LEAST_PREDICTED:
        yield (
            f"{count} machines are too few to tell where a further one lies: {LEAST_PREDICTED} or "
            f"more are needed"
        )


def outlier(fleet: Fleet, effects: RandomEffects) -> str | None:
    """Name a machine that stands apart from the others, if one does: it is of another kind.

    Student's test of the farthest, for so many machines by Bonferroni. Source: Grubbs, "Sample
    criteria for testing outlying observations", Annals of Mathematical Statistics 21 (1950), 27-58.
    """
    from scipy import special

    count = len(fleet.counted)
    if count < _LEAST_FOR_APART:
        return None
    residuals = np.abs(effects.residuals())
    farthest = int(residuals.argmax())
    if 2 * count * float(special.stdtr(count - 2, -residuals[farthest])) > _APART:
        return None
    one = fleet.counted[farthest]
    return (
        f"machine {one.host} stands apart from the others, with a ratio of {one.steady}: find out "
        f"what is different there, or compare without it"
    )


def _unfit(fleet: Fleet) -> Iterator[str]:
    """Yield which machines of the session have no ratio of these cells, and why."""
    pair = {fleet.rows[0].cell, fleet.rows[0].baseline}
    hosts = {one.host for one in fleet.rows}
    session_id = fleet.machines[0].chosen.session_id
    for one in fleet.machines:
        host, ran = one.chosen.machine.host, pair & {*one.runs}
        if host in hosts or not ran or one.chosen.session_id != session_id:
            continue
        told = [f"{name}: {one.objections[name]}" for name in sorted(pair & {*one.objections})]
        told += [f"{name} has no run" for name in sorted(pair - ran)]
        yield f"machine {host} has no ratio ({'; '.join(told)})"


def _told(reasons: Sequence[str]) -> str:
    more = f"; {len(reasons) - _TOLD} more" if len(reasons) > _TOLD else ""
    return f"{'; '.join(reasons[:_TOLD])}{more}"
