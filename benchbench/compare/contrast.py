"""Two interleaved cells: the paired ratios of their times, with intervals.

A ratio is the time of one cell over the time of the other, the baseline: below 1 it is faster. Only
what stood side by side is paired: the same epoch of the same block, in one group of workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from benchbench.compare.break_even import BreakEven, break_even
from benchbench.compare.estimate import block_medians, ends, estimate
from benchbench.compare.paired_runs import PairOfRuns, pair_up
from benchbench.errors import UsageError
from benchbench.records import RunRecord, Stopping
from benchbench.run.messages import RunRequest

TimeVerdict: TypeAlias = Literal["FASTER", "SLOWER", "SAME", "UNDECIDED", "NOISY", "EXPLORATORY"]
# Those that leave the question open.
OPEN: frozenset[TimeVerdict] = frozenset({"UNDECIDED", "NOISY", "EXPLORATORY"})
# Nearer to 1 an interval says more of the t distribution than of the runs.
_GREATEST_CONFIDENCE = 0.9999


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: within which margin two times count as the same, and how sure to be.

    `margin` and `confidence` are fractions. `allow_lost_blocks` gives a verdict also where a run of
    either side failed or is missing: on what is left, which may be a selection.
    """

    margin: float = 0.03
    confidence: float = 0.95
    allow_lost_blocks: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise UsageError(f"the margin must be a fraction between 0 and 1, not {self.margin:g}")
        if not 0.5 <= self.confidence <= _GREATEST_CONFIDENCE:
            raise UsageError(
                f"the confidence must be a fraction from 0.5 to {_GREATEST_CONFIDENCE}, not "
                f"{self.confidence}"
            )

    @property
    def log_margin(self) -> float:
        """The margin on the scale of log-ratios; 3 % slower is as far from 1 as 1/1.03."""
        return math.log1p(self.margin)


class CellName(msgspec.Struct, frozen=True, order=True):
    """What a run is a run of, within a session and model; the variant is "" where there is none.

    One that begins with @ names an environment: "torch@venvs/old idiomatic on cuda:0".
    """

    backend: str
    division: str
    variant: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.backend_there, self.division, self._rest) if part)

    @property
    def backend_there(self) -> str:
        """The backend, with its environment where it has one of its own."""
        place = self.variant.partition(" ")[0] if self.variant.startswith("@") else ""
        return f"{self.backend}{place}"

    @property
    def without_division(self) -> str:
        """The cell in words, where all are of one division."""
        return " ".join(part for part in (self.backend_there, self._rest) if part)

    @property
    def _rest(self) -> str:
        at, _, rest = self.variant.partition(" ")
        return rest if at.startswith("@") else self.variant


def cell_name(record: RunRecord | RunRequest) -> CellName:
    """Return the name of the cell that a run belongs to."""
    label = record.variant.label if record.variant else ""
    return CellName(record.backend, record.division, label)


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Time over the baseline's time, with its interval; null where one block says nothing of it."""

    ratio: float
    low: float | None = None
    high: float | None = None
    block_count: int
    pair_count: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.ratio:.3f}"
        return f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def half_width(self) -> float | None:
        """How far the interval reaches from its middle, as a fraction of the ratio."""
        if self.low is None or self.high is None:
            return None
        return math.sqrt(self.high / self.low) - 1

    @property
    def inverse(self) -> Ratio:
        """The ratio the other way round: the baseline's time over the cell's."""
        return msgspec.structs.replace(
            self,
            ratio=1 / self.ratio,
            low=1 / self.high if self.high else None,
            high=1 / self.low if self.low else None,
        )


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the steady epochs say, before it is weighed against the other rows of a table.

    P-values: `p_faster` against "not faster than the margin", `p_slower` likewise, `p_same` against
    "differs by the margin or more" (the greater of two one-sided tests). `scatter` is the standard
    deviation of the blocks' median log-ratios.
    """

    p_faster: float
    p_slower: float
    p_same: float
    scatter: float

    @property
    def p_differs(self) -> float:
        """The p-value against "neither faster nor slower than the margin": two-sided."""
        return min(1.0, 2 * min(self.p_faster, self.p_slower))


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """One cell against the baseline of its model. Times in seconds, of the cell itself.

    `host` is the machine, null without a name; `stopping` how its number of blocks was settled,
    which its figures allow for; `left_out` which blocks of which cell are lost, and why; `crowded`,
    likewise, in which there were too few cores for the threads. `judge` gives the last three.
    """

    model: str
    host: str | None = None
    cell: CellName
    baseline: CellName
    steady: Ratio | None
    first_epoch: Ratio | None
    cold_total: Ratio | None
    break_even: BreakEven | None = None
    evidence: Evidence | None = None
    stopping: Stopping | None = None
    left_out: tuple[str, ...] = ()
    crowded: tuple[str, ...] = ()
    verdict: TimeVerdict = "UNDECIDED"
    reason: str = ""
    blocks_needed: int | None = None


def contrast(
    own: Sequence[RunRecord],
    baseline: Sequence[RunRecord],
    question: Question,
    blocks: Collection[int] | None = None,
) -> Contrast:
    """Compare the runs of one cell with those of another, one run a block on either side.

    Both are of one model, session and machine. `blocks` are the numbers of those that it had, by
    default all up to the last of either side. Raises ValueError where a side has no run at all.
    """
    if not own or not baseline:
        raise ValueError("a contrast needs at least one run on either side")
    names = cell_name(own[0]), cell_name(baseline[0])
    found = pair_up(own, baseline, (str(names[0]), str(names[1])), blocks)
    pairs = found.runs
    steady = {number: logs for number, pair in pairs.items() if (logs := _steady_log_ratios(*pair))}
    # The conductor gives all runs of a session the same.
    stopping = own[0].stopping
    return Contrast(
        model=own[0].model,
        host=own[0].machine.host,
        cell=names[0],
        baseline=names[1],
        steady=_ratio(steady, question, stopping),
        first_epoch=_ratio(_single(pairs, first_epoch_seconds), question, stopping),
        cold_total=_ratio(_single(pairs, cold_total_seconds), question, stopping),
        break_even=break_even(pairs.values(), cold_total_seconds),
        evidence=weigh(steady, question, stopping),
        stopping=stopping,
        left_out=found.left_out,
        crowded=found.crowded,
    )


def weigh(
    blocks: Mapping[int, Sequence[float]], question: Question, stopping: Stopping | None
) -> Evidence | None:
    """Return what log-ratios say, by block; None where they say nothing of their scatter."""
    found, margin = estimate(blocks, stopping), question.log_margin
    if found is None:
        return None
    return Evidence(
        p_faster=found.p_below(-margin),
        p_slower=found.p_above(margin),
        p_same=max(found.p_above(-margin), found.p_below(margin)),
        scatter=float(block_medians(list(blocks.values())).std(ddof=1)),
    )


def first_epoch_seconds(run: RunRecord) -> float | None:
    """Return what the first epoch's training took: with compilation and transfer."""
    return run.epochs[0].train_seconds if run.epochs else None


def cold_total_seconds(run: RunRecord) -> float | None:
    """Return the seconds from start to result, less others' turns and further epochs."""
    phases = run.phases
    return phases.total - phases.waiting - phases.further if phases else None


def _steady_log_ratios(ours: RunRecord, theirs: RunRecord) -> list[float]:
    """Return the log-ratios of the second and later epochs that both have."""
    both = zip(ours.epochs[1:], theirs.epochs[1:], strict=False)
    return [math.log(own.train_seconds / other.train_seconds) for own, other in both]


def _single(
    pairs: Mapping[int, PairOfRuns],
    measure: Callable[[RunRecord], float | None],
) -> dict[int, list[float]]:
    """Return by block the log-ratio of a measure that every run has once."""
    values = {number: (measure(ours), measure(theirs)) for number, (ours, theirs) in pairs.items()}
    return {
        number: [math.log(own / other)] for number, (own, other) in values.items() if own and other
    }


def _ratio(
    blocks: Mapping[int, Sequence[float]], question: Question, stopping: Stopping | None
) -> Ratio | None:
    if not blocks:
        return None
    low, high = ends(estimate(blocks, stopping), question.confidence)
    return Ratio(
        ratio=math.exp(float(block_medians(list(blocks.values())).mean())),
        low=low,
        high=high,
        block_count=len(blocks),
        pair_count=sum(map(len, blocks.values())),
    )
