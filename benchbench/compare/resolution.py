"""Minimum detectable slowdown: a backend against itself, and against itself slowed down."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from benchbench.compare.contrast import Contrast, Question, TimeVerdict
from benchbench.compare.machine_resolution import MachineResolution, resolve_machines
from benchbench.compare.over_machines import random_effects
from benchbench.errors import UsageError

VERDICTS: tuple[TimeVerdict, ...] = ("FASTER", "SLOWER", "SAME", "UNDECIDED")
_POWER = 0.8
_SURE = 0.95


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Comparisons of a backend with a copy of itself that was slowed down by a known fraction.

    `ratio` is the median of the ratios found; `verdicts` counts them. `expected_power` is the
    chance of SLOWER at the scatter that was seen; for a copy that was not slowed down, that of a
    false FASTER or SLOWER.
    """

    slowdown: float
    ratio: float
    verdicts: dict[TimeVerdict, int]
    expected_power: float

    @property
    def count(self) -> int:
        return sum(self.verdicts.values())


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What comparisons of so many blocks can tell on this machine, as it was then.

    `scatter` is the standard deviation of the blocks' median log-ratios, pooled over all
    comparisons. `smallest_slowdown` would be found in four cases of five. `false_alarms` of
    `null_count` comparisons of equals came out FASTER or SLOWER; `false_alarm_bound` is the upper
    95 % limit of their rate (Clopper and Pearson, Biometrika 26, 1934, 404-413).
    `machines` is how many took part; of several, `between` is the standard deviation by which their
    true log-ratios differ. `on_machines` says what several machines of this kind could tell.
    """

    blocks: int
    scatter: float
    smallest_slowdown: float
    false_alarms: int
    null_count: int
    false_alarm_bound: float
    trials: tuple[Trial, ...]
    machines: int = 1
    between: float | None = None
    on_machines: tuple[MachineResolution, ...] = ()

    @property
    def sentence(self) -> str:
        """Say it plainly."""
        percent = 100 * self.smallest_slowdown
        shown = f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"
        where = "this machine" if self.machines == 1 else "one of these machines"
        return (
            f"the minimum detectable slowdown on {where} now is {shown} %, "
            f"with {self.blocks} blocks"
        )


def resolve(
    by_slowdown: Mapping[float, Sequence[Contrast]],
    blocks: int,
    question: Question,
    over_machines: Sequence[Sequence[Contrast]] = (),
) -> Resolution:
    """Sum up judged contrasts, by the slow-down that was injected; 0 is a comparison of equals.

    `over_machines` are those of them that were made on several machines at once, comparison by
    comparison. Raises UsageError where one has no verdict: fewer than two blocks, or failed runs.
    """
    variances = [
        one.evidence.scatter**2 if one.evidence else math.nan
        for contrasts in by_slowdown.values()
        for one in contrasts
    ]
    if not variances or any(map(math.isnan, variances)):
        raise UsageError(
            "a self-test needs two blocks or more on each machine, and every run must succeed"
        )
    scatter = math.sqrt(statistics.fmean(variances))
    if over_machines:
        counts = [one.steady.block_count for some in over_machines for one in some if one.steady]
        blocks = round(statistics.median(counts))
    machines, between = _machines(over_machines)
    trials = tuple(
        _trial(slowdown, contrasts, scatter, blocks, question)
        for slowdown, contrasts in sorted(by_slowdown.items())
    )
    null = [trial for trial in trials if trial.slowdown == 0]
    alarms = sum(trial.verdicts["FASTER"] + trial.verdicts["SLOWER"] for trial in null)
    count = sum(trial.count for trial in null)
    return Resolution(
        blocks=blocks,
        scatter=scatter,
        smallest_slowdown=smallest_slowdown(scatter, blocks, question),
        false_alarms=alarms,
        null_count=count,
        false_alarm_bound=rate_bound(alarms, count),
        trials=trials,
        machines=machines,
        between=between,
        on_machines=resolve_machines(scatter, blocks, question, machines, between),
    )


def _machines(over_machines: Sequence[Sequence[Contrast]]) -> tuple[int, float | None]:
    """Return how many machines took part, and how their true log-ratios scatter, if several."""
    if not over_machines:
        return 1, None
    hosts = {one.host for some in over_machines for one in some}
    variances = []
    for some in over_machines:
        known = [(one.steady, one.evidence) for one in some if one.steady and one.evidence]
        effects, _ = random_effects(
            [math.log(ratio.ratio) for ratio, _ in known],
            [evidence.scatter for _, evidence in known],
            [ratio.block_count for ratio, _ in known],
        )
        variances.append(effects.between_variance)
    return len(hosts), math.sqrt(statistics.fmean(variances))


def smallest_slowdown(scatter: float, blocks: int, question: Question) -> float:
    """Return the slow-down, a fraction, that so many blocks find in four cases of five."""
    low, high = question.log_margin, question.log_margin + 1
    while power(high, scatter, blocks, question) < _POWER:
        high += 1
    for _ in range(50):
        middle = (low + high) / 2
        if power(middle, scatter, blocks, question) < _POWER:
            low = middle
        else:
            high = middle
    return math.expm1(high)


def power(log_ratio: float, scatter: float, blocks: int, question: Question) -> float:
    """Return the chance that a true log-ratio of times comes out SLOWER, alone in its table.

    Student's test of "the margin or less" rejects where t > t(1 - alpha / 2); t is noncentral with
    (log_ratio - margin) sqrt(blocks) / scatter. Source: any text on power, such as Cohen,
    "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 2.
    """
    from scipy import special

    distance = log_ratio - question.log_margin
    if not scatter:
        return float(distance > 0)
    freedom = blocks - 1
    limit = special.stdtrit(freedom, (1 + question.confidence) / 2)
    return 1 - float(special.nctdtr(freedom, distance * math.sqrt(blocks) / scatter, limit))


def rate_bound(events: int, count: int) -> float:
    """Return the upper 95 % limit of a rate of which `events` of `count` were seen."""
    from scipy import special

    if events >= count:
        return 1.0
    return float(special.betaincinv(events + 1, count - events, _SURE))


def _trial(
    slowdown: float,
    contrasts: Sequence[Contrast],
    scatter: float,
    blocks: int,
    question: Question,
) -> Trial:
    # Where the machine was too full there is no more of a verdict than where it is undecided.
    counted: Counter[TimeVerdict] = Counter(
        "UNDECIDED" if one.verdict == "NOISY" else one.verdict for one in contrasts
    )
    expected = power(math.log1p(slowdown), scatter, blocks, question)
    return Trial(
        slowdown=slowdown,
        ratio=statistics.median(one.steady.ratio for one in contrasts if one.steady),
        verdicts={verdict: counted[verdict] for verdict in VERDICTS},
        # To either side, where nothing was done.
        expected_power=expected if slowdown else 2 * expected,
    )
