"""Random effects, beside published worked examples and the cases that can be done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchbench.compare.random_effects import RandomEffects

# Thirteen trials of the BCG vaccine (Colditz et al., JAMA 271 (1994), 698-702): cases and others
# among the vaccinated, cases and others among the rest.
BCG = (
    *((4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619)),
    *((33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892)),
    *((29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338)),
    (27, 16886, 29, 17825),
)


@pytest.fixture(scope="module")
def bcg():
    """Return the log relative risks and their variances, taken for known."""
    a, b, c, d = np.array(BCG, np.float64).T
    means = np.log((a / (a + b)) / (c / (c + d)))
    return RandomEffects(means, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_the_figures_are_those_of_metafor(bcg):
    """Source: the README of metafor, `rma(yi, vi, data=dat, test="knha")` of these data."""
    assert bcg.between_variance == pytest.approx(0.3132, abs=5e-5)
    assert bcg.between == pytest.approx(0.5597, abs=5e-5)
    assert bcg.heterogeneity == pytest.approx(0.9222, abs=5e-5)
    assert bcg.value == pytest.approx(-0.7145, abs=5e-5)
    assert bcg.error == pytest.approx(0.1808, abs=5e-5)
    assert bcg.interval(0.95) == pytest.approx((-1.1084, -0.3206), abs=5e-5)


def test_the_interval_of_tau_is_that_of_metafor(bcg):
    """Source: `confint(res)`, the Q-profile, of the same data: 0.1197 to 1.1115 for its square."""
    low, high = bcg.between_interval(0.95)
    assert (low**2, high**2) == pytest.approx((0.1197, 1.1115), abs=1e-4)


def test_a_further_trial_lies_where_the_estimate_of_tau_has_it_or_somewhat_wider(bcg):
    """Source: `predict(res, transf=exp)`: 0.14 to 1.76, with the estimate for tau's truth."""
    low, high = bcg.prediction.interval(0.95)
    assert 0.10 < math.exp(low) < 0.14
    assert 1.76 < math.exp(high) < 2.2


def test_with_blocks_beyond_number_a_further_machine_has_students_interval():
    """Then the means are the truths: t of machines - 1 degrees, times S sqrt(1 + 1 / machines)."""
    means = np.array([0.10, 0.14, 0.09, 0.12, 0.17])
    effects = RandomEffects(means, np.full(5, 1e-14))
    half = stats.t.ppf(0.975, 4) * means.std(ddof=1) * math.sqrt(1.2)
    expected = means.mean() - half, means.mean() + half
    assert effects.prediction.interval(0.95) == pytest.approx(expected, rel=1e-3)
    assert effects.prediction.p_above(expected[0]) == pytest.approx(0.025, rel=1e-3)
    assert effects.between == pytest.approx(means.std(ddof=1), rel=1e-6)


def test_with_as_many_blocks_on_each_the_middle_has_students_interval():
    means = np.array([0.10, 0.14, 0.09, 0.12])
    effects = RandomEffects(means, np.full(4, 2e-4), 12)
    low, high = effects.interval(0.95)
    interval = stats.ttest_1samp(means, 0).confidence_interval()
    assert (low, high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_machines_that_agree_better_than_their_blocks_do_not_differ():
    effects = RandomEffects(np.array([0.1, 0.1001, 0.0999]), np.full(3, 4e-4), 12)
    assert effects.between == 0
    assert effects.heterogeneity == 0
    low, high = effects.prediction.interval(0.95)
    assert low < 0.1 - 0.02 < 0.1 + 0.02 < high, "so few cannot show that they do not differ"


def test_machines_of_exactly_one_ratio_have_an_interval_of_no_width():
    effects = RandomEffects(np.full(4, 0.3), np.zeros(4), 8)
    for low, high in (effects.interval(0.95), effects.prediction.interval(0.95)):
        assert (low, high) == pytest.approx((0.3, 0.3), abs=1e-6)
    assert effects.between == 0
    assert effects.prediction.p_above(0.2) == 0
    assert effects.prediction.p_above(0.4) == pytest.approx(1)


def test_a_machine_of_few_blocks_weighs_less_where_blocks_scatter():
    means = np.array([0.0, 0.0, 0.0, 0.1])
    few_blocks = RandomEffects(means, np.array([1e-4, 1e-4, 1e-4, 1e-2]), 30)
    assert few_blocks.value < 0.02


@given(
    means=st.lists(st.floats(-1, 1), min_size=3, max_size=12),
    variances=st.lists(st.floats(1e-6, 1e-2), min_size=12, max_size=12),
    freedom=st.sampled_from([None, 3.0, 20.0, 900.0]),
    shift=st.floats(-2, 2),
)
def test_what_is_shifted_is_found_shifted_and_intervals_are_ordered(
    means, variances, freedom, shift
):
    own, variance = np.array(means), np.array(variances[: len(means)])
    one, other = (RandomEffects(own + by, variance, freedom) for by in (0.0, shift))
    assert other.value == pytest.approx(one.value + shift, abs=1e-6)
    assert other.between == pytest.approx(one.between, rel=1e-3, abs=1e-5)
    low, high = one.prediction.interval(0.95)
    assert low <= one.value <= high
    assert one.prediction.p_above(low) == pytest.approx(0.025, abs=1e-4)
    assert one.prediction.p_above(0.1) + one.prediction.p_below(0.1) == pytest.approx(1)
    wider = one.prediction.interval(0.99)
    assert wider[0] <= low <= high <= wider[1]


def test_residuals_are_those_of_a_t_test_of_one_machine_against_the_others():
    """Where variances are alike: the studentized deleted residual of a sample of one mean."""
    means = np.array([0.10, 0.14, 0.09, 0.12, 0.30])
    effects = RandomEffects(means, np.full(5, 1e-14))
    others = means[:4]
    expected = (0.30 - others.mean()) / (others.std(ddof=1) * math.sqrt(1 + 1 / 4))
    assert effects.residuals()[4] == pytest.approx(expected, rel=1e-6)


def test_a_scatter_of_blocks_that_is_hardly_known_makes_the_prediction_wider():
    means, variances = np.array([0.1, 0.12, 0.11]), np.full(3, 4e-4)
    widths = []
    for freedom in (3, 30, None):
        low, high = RandomEffects(means, variances, freedom).prediction.interval(0.95)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1.1 * widths[2]
