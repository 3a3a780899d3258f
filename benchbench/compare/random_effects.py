"""What holds on machines of one kind: random effects over the machines' mean log-ratios.

A machine's truth is that of the middle machine and an effect of its own, normal with the standard
deviation tau; the mean of its blocks scatters about its truth. Three things are asked: where the
middle machine lies, how far machines differ, and where a further machine will lie.

The middle: weights by restricted maximum likelihood, the interval of Hartung and Knapp. A further
machine: a confidence distribution of tau, from the exact distribution of the weighted sum of
squares, in place of one estimate of it. With few machines that estimate is often 0 where tau is
not, and an interval that rests on it covers too little (results/fleet/fleet.md).

Sources: Viechtbauer, "Bias and efficiency of meta-analytic variance estimators in the
random-effects model", J. Educational and Behavioral Statistics 30 (2005), 261-293 (REML by Fisher
scoring); Hartung and Knapp, Statistics in Medicine 20 (2001), 3875-3889; Sidik and Jonkman,
Statistics in Medicine 21 (2002), 3153-3159; Viechtbauer, "Confidence intervals for the amount of
heterogeneity in meta-analysis", Statistics in Medicine 26 (2007), 37-52 (the Q-profile); Nagashima,
Noma and Furukawa, "Prediction intervals for random-effects meta-analysis: a confidence distribution
approach", Statistical Methods in Medical Research 28 (2019), 1689-1702; Higgins and Thompson,
Statistics in Medicine 21 (2002), 1539-1558 (I squared).
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Means that are known this well, as standard deviations of log-ratios, are exact.
_EXACT = 1e-9
_MOST_STEPS = 100
# Probabilities at which a chi-squared distribution is taken, as logits: by this step, to this end.
_BETWEEN_GRID = (0.5, 14.0)
_WITHIN_GRID = (1.5, 9.0)
# With more degrees of freedom the scatter within machines is as good as known.
_KNOWN_FREEDOM = 500


class RandomEffects:
    """Machines of one kind: the mean log-ratio of each, float64 (machines,), and its variance.

    `freedom` are the degrees of freedom of the scatter that the variances come from, None where
    they are known. There are two machines or more.
    """

    def __init__(
        self, means: FloatArray, variances: FloatArray, freedom: float | None = None
    ) -> None:
        self._means = means
        self._variances = np.maximum(variances, _EXACT**2)
        self._freedom = freedom
        self.between_variance = between_variance(self._means, self._variances)
        weights = 1 / (self.between_variance + self._variances)
        self.value = float(weights @ means / weights.sum())
        squares = np.square(means - self.value)
        self.error = math.sqrt(weights @ squares / ((len(means) - 1) * weights.sum()))

    @property
    def machine_count(self) -> int:
        return len(self._means)

    @property
    def between(self) -> float:
        """Tau: the standard deviation of the machines' true log-ratios."""
        return math.sqrt(self.between_variance)

    @property
    def heterogeneity(self) -> float:
        """I squared: the share of the scatter of the machines' means that is between machines."""
        weights = 1 / self._variances
        total = float(weights.sum())
        typical = (len(weights) - 1) * total / (total**2 - float(weights @ weights))
        return self.between_variance / (self.between_variance + typical)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval of the middle machine: Hartung and Knapp, equal tails."""
        from scipy import special

        quantile = special.stdtrit(len(self._means) - 1, (1 + confidence) / 2)
        half = float(quantile) * self.error
        return self.value - half, self.value + half

    def between_interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval of tau: the Q-profile, with the variances taken for known."""
        tails = np.array([(1 + confidence) / 2, (1 - confidence) / 2])
        variances = np.tile(self._variances, (2, 1))
        found = _profile(self._means, variances, _chi_squared(len(self._means) - 1, tails))
        low, high = np.sqrt(found).tolist()
        return low, high

    @functools.cached_property
    def prediction(self) -> Prediction:
        """Where a further machine of this kind will lie."""
        squares, of_squares = _grid(len(self._means) - 1, *_BETWEEN_GRID)
        scales, of_scales = np.ones(1), np.ones(1)
        if self._freedom is not None and self._freedom <= _KNOWN_FREEDOM:
            drawn, of_scales = _grid(self._freedom, *_WITHIN_GRID)
            scales = self._freedom / drawn
        variances = np.repeat(scales, len(squares))[:, None] * self._variances
        tau_squared = _profile(self._means, variances, np.tile(squares, len(scales)))
        weights = 1 / (tau_squared[:, None] + variances)
        totals = weights.sum(axis=1)
        return Prediction(
            centres=weights @ self._means / totals,
            spreads=np.sqrt(tau_squared + 1 / totals),
            weights=np.outer(of_scales, of_squares).ravel(),
        )

    def residuals(self) -> FloatArray:
        """Return how far each machine stands from the others: Student's t, machines - 2 degrees.

        Externally studentized, exact where all variances are alike; of three machines or more.
        Source: Cook and Weisberg, "Residuals and Influence in Regression" (1982), 2.2.
        """
        weights = 1 / (self.between_variance + self._variances)
        count = len(weights)
        standardized = (self._means - self.value) * np.sqrt(weights)
        scale = max(float(np.square(standardized).sum()) / (count - 1), 1e-300)
        inner = standardized / np.sqrt(scale * (1 - weights / weights.sum()))
        left = np.maximum(count - 1 - np.square(inner), 1e-12)
        found: FloatArray = inner * np.sqrt((count - 2) / left)
        return found


class Prediction:
    """The log-ratio of a further machine, as a mixture of normal distributions."""

    def __init__(self, *, centres: FloatArray, spreads: FloatArray, weights: FloatArray) -> None:
        self._centres, self._spreads, self._weights = centres, spreads, weights

    def p_above(self, bound: float) -> float:
        """Return the p-value against "a further machine lies at `bound` or below"."""
        from scipy import special

        return float(self._weights @ special.ndtr((bound - self._centres) / self._spreads))

    def p_below(self, bound: float) -> float:
        """Return the p-value against "a further machine lies at `bound` or above"."""
        from scipy import special

        return float(self._weights @ special.ndtr((self._centres - bound) / self._spreads))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval that holds a further machine with this chance, equal tails."""
        tail = (1 - confidence) / 2
        return self._where(tail), self._where(1 - tail)

    def _where(self, chance: float) -> float:
        reach = 50 * self._spreads.max()
        low, high = float(self._centres.min() - reach), float(self._centres.max() + reach)
        least = 1e-7 * float(self._spreads.min())
        while high - low > max(least, 1e-12 * (abs(low) + abs(high))):
            middle = (low + high) / 2
            if self.p_above(middle) < chance:
                low = middle
            else:
                high = middle
        return (low + high) / 2


def between_variance(means: FloatArray, variances: FloatArray) -> float:
    """Return tau squared by restricted maximum likelihood; `variances` are above 0."""
    found = max(0.0, float(means.var(ddof=1) - variances.mean()))
    for step in range(_MOST_STEPS):
        weights = 1 / (found + variances)
        total, squares = weights.sum(), np.square(weights)
        centre = weights @ means / total
        score = squares @ np.square(means - centre) - (total - squares.sum() / total)
        information = squares.sum() - 2 * (squares @ weights) / total
        information += (squares.sum() / total) ** 2
        change = float(score / information)
        if step > _MOST_STEPS // 4:  # it goes back and forth
            change /= 2
        before, found = found, max(0.0, found + change)
        if abs(found - before) <= 1e-9 * (found + float(variances.mean())):
            break
    return found


def _profile(means: FloatArray, variances: FloatArray, squares: FloatArray) -> FloatArray:
    """Return the tau squared at which the weighted sum of squares is each of `squares`.

    `variances` are (squares, machines). 0 where the sum is smaller even without differences
    between machines. By Newton's method on the reciprocal of the sum, which is nearly linear.
    """
    found = np.zeros(len(squares))
    for _ in range(_MOST_STEPS):
        weights = 1 / (found[:, None] + variances)
        centres = weights @ means / weights.sum(axis=1)
        terms = weights * np.square(means - centres[:, None])
        total = terms.sum(axis=1)
        slope = np.einsum("ij,ij->i", terms, weights)
        small = total < 1e-200
        step = np.where(small, 0.0, total * (total / squares - 1) / np.where(small, 1.0, slope))
        before, found = found, np.where(small, 0.0, np.maximum(0.0, found + step))
        if np.all(np.abs(found - before) <= 1e-9 * (found + variances[:, 0])):
            break
    return found


@functools.lru_cache(maxsize=64)
def _grid(freedom: float, step: float, end: float) -> tuple[FloatArray, FloatArray]:
    """Return values of chi squared, and their weights, that stand for its distribution."""
    from scipy import special

    chances = special.expit(np.arange(-end, end + step / 2, step))
    weights = chances * (1 - chances)
    return _chi_squared(freedom, chances), weights / weights.sum()


def _chi_squared(freedom: float, chances: FloatArray) -> FloatArray:
    """Return the quantiles of chi squared."""
    from scipy import special

    found: FloatArray = 2 * special.gammaincinv(freedom / 2, chances)
    return np.maximum(found, 1e-100)
