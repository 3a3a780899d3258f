"""Outcome equivalence: the formulas by hand, the verdicts, their symmetries, their error rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchbench.compare.equivalence import judge_outcome, margin_of
from benchbench.spec.losses import MEAN_ABSOLUTE_ERROR

NAMES = {"model": "two-layer", "dataset": "mnist", "backend": "torch", "division": "tuned"}
# Ten seeds like those of the band of two-layer on MNIST: mean 0.9781, sd 0.0012.
TYPICAL = [0.9769, 0.9790, 0.9781, 0.9764, 0.9795, 0.9772, 0.9788, 0.9776, 0.9784, 0.9791]

# Whole images of 10,000, so that sums are those a test set would give.
fractions = st.integers(2_000, 8_000).map(lambda right: right / 10_000)
sides = st.lists(fractions, min_size=2, max_size=12)
margins = st.floats(1e-4, 0.5)


def judge(accuracies, reference, margin=None):
    return judge_outcome(accuracies, reference, margin=margin, **NAMES)


def shifted(accuracies, by):
    return [accuracy + by for accuracy in accuracies]


def sharp(result):
    """Say that no bound of the interval stands on the margin, where rounding would decide."""
    gaps = [abs(abs(bound) - result.margin) for bound in result.interval]
    return min(gaps) > 1e-9


def test_the_formulas_give_what_they_give_by_hand():
    result = judge([0.90, 0.92, 0.94], [0.91, 0.91, 0.92, 0.94], margin=0.05)
    # Variances 0.0004 and 0.0002, over n: 1.3333e-4 and 0.5e-4.
    v1, v2 = 0.0004 / 3, 0.0002 / 4
    error = math.sqrt(v1 + v2)
    freedom = (v1 + v2) ** 2 / (v1**2 / 2 + v2**2 / 3)
    assert result.difference == pytest.approx(0.0)
    assert result.degrees_of_freedom == pytest.approx(freedom)
    assert freedom == pytest.approx(121 / 35)
    # Student's 0.95 quantile lies between 2.353 (3 degrees) and 2.132 (4; any table of it).
    assert 2.132 < result.interval[1] / error < 2.353


def test_the_interval_and_the_p_values_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    candidate, reference, margin = shifted(TYPICAL, 0.0004), TYPICAL[:7], 0.002
    result = judge(candidate, reference, margin)
    low, high = stats.ttest_ind(candidate, reference, equal_var=False).confidence_interval(0.9)
    assert result.interval == pytest.approx((low, high), abs=1e-12)
    not_worse = stats.ttest_ind(
        shifted(candidate, margin), reference, equal_var=False, alternative="greater"
    )
    not_better = stats.ttest_ind(
        shifted(candidate, -margin), reference, equal_var=False, alternative="less"
    )
    assert result.too_bad_p == pytest.approx(not_worse.pvalue, abs=1e-9)
    assert result.too_good_p == pytest.approx(not_better.pvalue, abs=1e-9)


@pytest.mark.parametrize(
    ("by", "verdict", "words"),
    [
        (0.0, "EQUIVALENT", "lies within -0.200 to +0.200"),
        (0.005, "TOO GOOD", "does it see the test images"),
        (-0.005, "TOO BAD", "less is learnt"),
        (0.0018, "UNDECIDED", "includes +0.200; there is a difference"),
        (-0.0012, "UNDECIDED", "seeds would probably settle it"),
    ],
)
def test_each_verdict_has_its_reason(by, verdict, words):
    result = judge(shifted(TYPICAL, by), TYPICAL)
    assert (result.verdict, words in result.reason) == (verdict, True), result.reason


def test_the_single_layer_has_a_margin_of_its_own():
    assert (margin_of("single-layer"), margin_of("deeper-cnn")) == (0.003, 0.002)
    assert judge(TYPICAL, TYPICAL).margin == 0.002
    assert judge(TYPICAL, TYPICAL, 0.0005).verdict == "UNDECIDED"


def test_a_difference_on_the_margin_is_never_settled_by_more_seeds():
    result = judge(shifted(TYPICAL, 0.002), TYPICAL)
    assert (result.verdict, result.runs_to_settle) == ("UNDECIDED", None)
    assert "1,000 seeds would not settle it" in result.reason


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(0.97, "EQUIVALENT"), (0.9715, "EQUIVALENT"), (0.98, "TOO GOOD"), (0.1, "TOO BAD")],
)
def test_accuracies_without_scatter_are_judged_by_their_means(level, verdict):
    result = judge([level] * 3, [0.97] * 3)
    assert (result.verdict, result.degrees_of_freedom) == (verdict, None)
    assert result.interval == (result.difference, result.difference)
    rejected = (result.too_bad_p == 0, result.too_good_p == 0)
    assert all(rejected) == (verdict == "EQUIVALENT")


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(ValueError, match="2 runs or more of the backend, not 1"):
        judge([0.9], TYPICAL)
    with pytest.raises(ValueError, match="of the reference, not 0"):
        judge(TYPICAL, [])
    with pytest.raises(ValueError, match=r"97\.8, not a fraction"):
        judge([97.8, 97.9], TYPICAL)
    with pytest.raises(ValueError, match="nan, not a fraction"):
        judge(TYPICAL, [0.9, math.nan])
    for margin in (0, -0.002, 2, math.nan):
        with pytest.raises(ValueError, match="the margin must be"):
            judge(TYPICAL, TYPICAL, margin)


@given(sides, sides, margins)
def test_swapping_the_sides_negates_the_difference_and_the_verdict(candidate, reference, margin):
    one, other = judge(candidate, reference, margin), judge(reference, candidate, margin)
    assert other.difference == -one.difference
    assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]), abs=1e-15)
    assert (other.too_bad_p, other.too_good_p) == pytest.approx((one.too_good_p, one.too_bad_p))
    swapped = {"TOO GOOD": "TOO BAD", "TOO BAD": "TOO GOOD"}
    assert other.verdict == swapped.get(one.verdict, one.verdict)


@given(sides, sides, margins, st.integers(-2_000, 2_000))
def test_shifting_both_sides_changes_nothing(candidate, reference, margin, images):
    before = judge(candidate, reference, margin)
    assume(sharp(before))
    by = images / 10_000
    after = judge(shifted(candidate, by), shifted(reference, by), margin)
    assert after.verdict == before.verdict
    assert after.difference == pytest.approx(before.difference, abs=1e-12)
    assert after.interval == pytest.approx(before.interval, abs=1e-9)


@given(sides, sides, margins, margins)
def test_a_wider_margin_keeps_what_is_equivalent(candidate, reference, first, second):
    narrow, wide = sorted((first, second))
    if judge(candidate, reference, narrow).verdict == "EQUIVALENT":
        assert judge(candidate, reference, wide).verdict == "EQUIVALENT"
    if judge(candidate, reference, wide).verdict in {"TOO GOOD", "TOO BAD"}:
        verdict = judge(candidate, reference, narrow).verdict
        assert verdict == judge(candidate, reference, wide).verdict


@given(sides, sides, margins)
def test_equivalent_is_where_both_one_sided_tests_reject(candidate, reference, margin):
    result = judge(candidate, reference, margin)
    assume(sharp(result))
    both = max(result.too_bad_p, result.too_good_p) <= 0.05
    assert both == (result.verdict == "EQUIVALENT")


@given(sides, sides, margins)
def test_only_the_undecided_need_more_runs(candidate, reference, margin):
    result = judge(candidate, reference, margin)
    needed = result.runs_to_settle
    assert needed is None or result.verdict == "UNDECIDED"
    assert needed is None or max(len(candidate), len(reference)) < needed <= 1_000


@pytest.fixture
def draws(exhaustive):
    return 4_000 if exhaustive else 800


def shares(difference, margin, *, sds, counts, draws, seed=0):
    """Return how often each verdict comes when `difference` is true, accuracies rounded to 1e-4."""
    random = np.random.default_rng(seed)
    found = dict.fromkeys(("EQUIVALENT", "TOO GOOD", "TOO BAD", "UNDECIDED"), 0)
    candidates = random.normal(0.97 + difference, sds[0], (draws, counts[0])).round(4)
    references = random.normal(0.97, sds[1], (draws, counts[1])).round(4)
    for candidate, reference in zip(candidates.tolist(), references.tolist(), strict=True):
        found[judge(candidate, reference, margin).verdict] += 1
    return {verdict: count / draws for verdict, count in found.items()}


@pytest.mark.parametrize("difference", [0.002, -0.002])
@pytest.mark.parametrize(
    ("sds", "counts"),
    [
        ((0.0012, 0.0012), (10, 10)),
        ((0.0005, 0.0015), (10, 10)),
        ((0.0004, 0.0012), (10, 5)),
        ((0.0003, 0.0003), (3, 3)),
    ],
)
def test_a_true_difference_of_the_margin_rarely_passes_or_is_called_beyond(
    difference, sds, counts, draws
):
    found = shares(difference, 0.002, sds=sds, counts=counts, draws=draws)
    beyond = "TOO GOOD" if difference > 0 else "TOO BAD"
    # Three standard errors of a share of 5 % over so many draws.
    allowed = 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)
    assert found["EQUIVALENT"] <= allowed
    assert found[beyond] <= allowed
    # The test is sharp, not merely shy: at the margin both errors come near their 5 %.
    assert found[beyond] >= 0.025


@pytest.mark.parametrize("difference", [0.0025, 0.004, -0.004])
def test_a_larger_difference_passes_more_rarely_still(difference, draws):
    found = shares(difference, 0.002, sds=(0.0012, 0.0012), counts=(10, 10), draws=draws)
    assert found["EQUIVALENT"] <= 0.02
    wrong = "TOO BAD" if difference > 0 else "TOO GOOD"
    assert found[wrong] == 0


# Standard deviations of ten seeds on MNIST, from bands.toml, and the least power they must give.
POWERS = [
    ("single-layer", 0.00115, 0.99),
    ("two-layer", 0.00118, 0.9),
    ("simple-cnn", 0.00173, 0.5),
    ("deeper-cnn", 0.00140, 0.75),
]


@pytest.mark.parametrize(("model", "sd", "least"), POWERS)
def test_the_power_at_no_difference(model, sd, least, draws):
    found = shares(0.0, margin_of(model), sds=(sd, sd), counts=(10, 10), draws=draws)
    print(f"{model}: ten seeds show equivalence in {found['EQUIVALENT']:.1%} of {draws:,} draws")
    assert found["EQUIVALENT"] >= least
    assert found["TOO GOOD"] + found["TOO BAD"] == 0


def test_the_seeds_said_to_settle_it_do():
    undecided = judge(shifted(TYPICAL, 0.0012), TYPICAL)
    assert undecided.verdict == "UNDECIDED"
    count = undecided.runs_to_settle
    sd = undecided.sd
    found = shares(0.0012, 0.002, sds=(sd, sd), counts=(count, count), draws=800)
    assert 1 - found["UNDECIDED"] == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    ("by", "verdict"), [(0.0, "EQUIVALENT"), (0.1, "TOO BAD"), (-0.1, "TOO GOOD")]
)
def test_less_is_better_of_an_error(by, verdict):
    errors = [2.5, 2.501, 2.499, 2.502, 2.498]
    found = judge_outcome(shifted(errors, by), errors, metric=MEAN_ABSOLUTE_ERROR, **NAMES)
    assert (found.verdict, found.margin) == (verdict, pytest.approx(0.075))
    assert (found.too_bad_p < 0.05, found.too_good_p < 0.05) == (
        verdict != "TOO BAD",
        verdict != "TOO GOOD",
    )
    assert "points" not in found.reason
    assert {"TOO BAD": "above +0.075", "TOO GOOD": "below -0.075"}.get(verdict, "") in found.reason


def test_that_seeds_would_not_settle_it_has_its_own_reason():
    """Near the margin, or far from it among seeds that scatter: the words are those of the case."""
    near = judge(shifted(TYPICAL, 0.002), TYPICAL).reason
    assert "the difference lies near the margin, so that 1,000 seeds" in near
    wide = [0.5 + 0.04 * (-1) ** number for number in range(10)]
    scattered = judge(wide, wide).reason
    assert "the seeds scatter by more than the margin, so that 1,000 seeds" in scattered
