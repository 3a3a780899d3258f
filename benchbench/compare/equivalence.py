"""Outcome equivalence: does a backend end where the reference ends, no worse and no better?

The test metrics of a backend over seeds are compared with those of the reference backend by two
one-sided tests (TOST) against a stated margin. No proof of a difference is not a proof of
equivalence: here equivalence is what must be shown, and too few seeds leave it undecided.

Sources: Schuirmann, "A comparison of the two one-sided tests procedure and the power approach",
J. Pharmacokinetics and Biopharmaceutics 15 (1987), 657-680; Welch, "The generalization of
'Student's' problem when several different population variances are involved", Biometrika 34
(1947), 28-35.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections.abc import Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

from benchbench.spec.losses import ACCURACY, Metric

OutcomeVerdict: TypeAlias = Literal["EQUIVALENT", "TOO GOOD", "TOO BAD", "UNDECIDED"]

# Differences of mean test accuracy, as fractions, that are small enough to mean nothing; those of
# mean absolute errors, as fractions of the reference's.
MARGIN = 0.002
ERROR_MARGIN = 0.03
MARGINS = MappingProxyType({"single-layer": 0.003})
FEWEST_RUNS = 2

# Of each one-sided test; the interval that goes with two of them is one of 90 %.
_LEVEL = 0.05
_POWER = 0.8
_MOST_RUNS = 1000


class OutcomeTest(msgspec.Struct, frozen=True, kw_only=True):
    """What the two one-sided tests say of one backend's division on one model and data set.

    `difference` is the backend's mean minus the reference's, `interval` its 90 % interval; of
    accuracies these and `margin` are fractions, of errors errors. `too_bad_p` is the p-value of the
    hypothesis that the difference is -margin or less, `too_good_p` that it is +margin or more, and
    the other way round for a `metric` of which less is better; equivalence is shown where both are
    rejected.
    `degrees_of_freedom` is null where all values of either side are alike. `runs_to_settle`, of an
    undecided test, is how many runs each side would probably need; null where 1,000 would not do.
    """

    model: str
    dataset: str
    backend: str
    division: str
    n: int
    mean: float
    sd: float
    reference_n: int
    reference_mean: float
    reference_sd: float
    difference: float
    interval: tuple[float, float]
    degrees_of_freedom: float | None
    margin: float
    too_bad_p: float
    too_good_p: float
    verdict: OutcomeVerdict
    reason: str
    runs_to_settle: int | None = None
    metric: Metric = ACCURACY


def margin_of(model: str, metric: Metric = ACCURACY) -> float:
    """Return the margin for the model of this name, a fraction; of an error, of the reference's."""
    return MARGINS.get(model, MARGIN) if metric.is_fraction else ERROR_MARGIN


def judge_outcome(
    accuracies: Sequence[float],
    reference: Sequence[float],
    *,
    model: str,
    dataset: str,
    backend: str,
    division: str,
    margin: float | None = None,
    metric: Metric = ACCURACY,
) -> OutcomeTest:
    """Test the accuracies, or other metrics, one a seed, against those of the reference.

    EQUIVALENT: the 90 % interval of the difference of means lies within the margin, which is to say
    that both one-sided tests reject at 5 %. TOO GOOD, TOO BAD: it lies beyond the margin, on the
    better or the worse side. UNDECIDED: it includes an end of the margin. Raises ValueError for
    fewer than two runs on either side, for an accuracy that is no fraction, and for a margin that
    is not above 0.
    """
    margin = margin_of(model, metric) if margin is None else margin
    if not 0 < margin <= 1:
        raise ValueError(f"the margin must be a fraction above 0 and up to 1, not {margin}")
    _check("the backend", accuracies, metric)
    _check("the reference", reference, metric)
    if not metric.is_fraction:
        margin *= statistics.fmean(reference)
    difference = _Difference(accuracies, reference)
    interval = difference.interval(1 - _LEVEL)
    verdict = _verdict(interval, margin, metric)
    p_values = difference.p_value(-margin, above=True), difference.p_value(margin, above=False)
    too_bad_p, too_good_p = p_values if metric.higher_is_better else p_values[::-1]
    runs_to_settle = difference.runs_to_settle(margin) if verdict == "UNDECIDED" else None
    return OutcomeTest(
        model=model,
        dataset=dataset,
        backend=backend,
        division=division,
        n=len(accuracies),
        mean=statistics.fmean(accuracies),
        sd=statistics.stdev(accuracies),
        reference_n=len(reference),
        reference_mean=statistics.fmean(reference),
        reference_sd=statistics.stdev(reference),
        difference=difference.mean,
        interval=interval,
        degrees_of_freedom=difference.degrees_of_freedom,
        margin=margin,
        too_bad_p=too_bad_p,
        too_good_p=too_good_p,
        verdict=verdict,
        reason=_reason(verdict, difference, margin, runs_to_settle, metric),
        runs_to_settle=runs_to_settle,
        metric=metric,
    )


def points(difference: float, metric: Metric = ACCURACY) -> str:
    """Write a difference of accuracies in percentage points, with its sign: +0.052.

    One of errors is written in their unit.
    """
    return f"{100 * difference:+.3f}" if metric.is_fraction else f"{difference:+.4g}"


class _Difference:
    """The difference of two means with its standard error, variances unequal.

    With v = sd^2 / n of each side, the standard error is sqrt(v1 + v2) and the degrees of freedom
    are (v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1)). Source: Welch 1947; Satterthwaite,
    Biometrics Bulletin 2 (1946), 110-114.
    """

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        self.mean = statistics.fmean(first) - statistics.fmean(second)
        self._counts = len(first), len(second)
        self._variances = statistics.variance(first), statistics.variance(second)
        self.error, self.degrees_of_freedom = self._with_counts(*self._counts)

    def interval(self, quantile: float) -> tuple[float, float]:
        """Return mean -+ t * error, t the quantile of Student's distribution."""
        if self.degrees_of_freedom is None:
            return self.mean, self.mean
        half = _student_quantile(self.degrees_of_freedom, quantile) * self.error
        return self.mean - half, self.mean + half

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the p-value against "not above `bound`", or else against "not below"."""
        from scipy import special

        distance = self.mean - bound if above else bound - self.mean
        if self.degrees_of_freedom is None:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(self.degrees_of_freedom, -distance / self.error))

    def runs_to_settle(self, margin: float) -> int | None:
        """Return how many runs a side settle it in four cases of five, if this difference is true.

        The chance that the interval of so many runs lies within or beyond the margin, from the
        normal distribution, with the standard deviations as they are.
        """

        def chance(count: int) -> float:
            error, freedom = self._with_counts(count, count)
            assert freedom is not None  # noqa: S101 - without scatter nothing is undecided
            half = _student_quantile(freedom, 1 - _LEVEL) * error
            found = statistics.NormalDist(self.mean, error)
            within = max(0.0, found.cdf(margin - half) - found.cdf(half - margin))
            return within + found.cdf(-margin - half) + 1 - found.cdf(margin + half)

        counts = range(max(self._counts) + 1, _MOST_RUNS + 1)
        place = bisect.bisect_left(counts, _POWER, key=chance)
        return counts[place] if place < len(counts) else None

    def hindrance(self, margin: float) -> str:
        """Say why so many runs are needed: for the place of the difference, or for the scatter."""
        if abs(abs(self.mean) - margin) < margin / 2:
            return "the difference lies near the margin"
        return "the seeds scatter by more than the margin"

    def _with_counts(self, first: int, second: int) -> tuple[float, float | None]:
        """Return standard error and degrees of freedom for so many runs of the same scatter."""
        v1, v2 = self._variances[0] / first, self._variances[1] / second
        if v1 + v2 == 0:
            return 0.0, None
        # Shares of the sum: the squares of variances themselves may be too small for a float.
        w1, w2 = v1 / (v1 + v2), v2 / (v1 + v2)
        return math.sqrt(v1 + v2), 1 / (w1**2 / (first - 1) + w2**2 / (second - 1))


def _check(who: str, accuracies: Sequence[float], metric: Metric) -> None:
    if len(accuracies) < FEWEST_RUNS:
        raise ValueError(
            f"the test needs the accuracies of {FEWEST_RUNS} runs or more of {who}, "
            f"not {len(accuracies)}: train with more seeds"
        )
    for accuracy in accuracies:
        if metric.is_fraction and not 0 <= accuracy <= 1:
            raise ValueError(f"an accuracy of {who} is {accuracy}, not a fraction from 0 to 1")


def _verdict(interval: tuple[float, float], margin: float, metric: Metric) -> OutcomeVerdict:
    # Turned round where less is better, so that above is better.
    low, high = interval if metric.higher_is_better else (-interval[1], -interval[0])
    if -margin < low and high < margin:
        return "EQUIVALENT"
    if low >= margin:
        return "TOO GOOD"
    return "TOO BAD" if high <= -margin else "UNDECIDED"


def _reason(
    verdict: OutcomeVerdict,
    difference: _Difference,
    margin: float,
    runs_to_settle: int | None,
    metric: Metric,
) -> str:
    def amount(value: float) -> str:
        return points(value, metric)

    low, high = difference.interval(1 - _LEVEL)
    unit = "points" if metric.is_fraction else f"of the {metric.name}"
    found = f"the 90 % interval of the difference, {amount(low)} to {amount(high)} {unit},"
    better, worse = ("above", "below") if metric.higher_is_better else ("below", "above")
    good, bad = (margin, -margin) if metric.higher_is_better else (-margin, margin)
    match verdict:
        case "EQUIVALENT":
            return f"{found} lies within {amount(-margin)} to {amount(margin)}"
        case "TOO GOOD":
            return (
                f"{found} lies {better} {amount(good)}: more is learnt than the reference can; "
                f"does it see the test images, or train longer or on more than the protocol says?"
            )
        case "TOO BAD":
            return (
                f"{found} lies {worse} {amount(bad)}: less is learnt than the reference does; "
                f"`benchbench certify` without --outcome looks for the step that differs"
            )
    bounds = [bound for bound in (-margin, margin) if low <= bound <= high]
    crossed = " and ".join(amount(bound) for bound in bounds)
    wide_low, wide_high = difference.interval(1 - _LEVEL / 2)
    differs = "" if wide_low <= 0 <= wide_high else "; there is a difference (the 95 % excludes 0)"
    needed = (
        f"{runs_to_settle} seeds would probably settle it"
        if runs_to_settle
        else f"{difference.hindrance(margin)}, so that {_MOST_RUNS:,} seeds would not settle it"
    )
    return f"{found} includes {crossed}{differs}; {needed}"


def _student_quantile(degrees_of_freedom: float, probability: float) -> float:
    from scipy import special

    return float(special.stdtrit(degrees_of_freedom, probability))
