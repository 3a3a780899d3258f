"""Tolerances: derived from what certificates saw, and what is shipped."""

from __future__ import annotations

import pytest
from makers import make_certificate, make_rung

from benchbench.certify.rungs import EXACT, RUNGS, limit_of, sensitive_limit
from benchbench.certify.tolerances import LONG_RUNGS, MARGIN, derive, is_smooth, tolerances
from benchbench.spec.catalog import MODELS


def test_the_tolerance_is_the_margin_times_the_largest_rounded_up():
    made = [
        make_certificate(make_rung("forward", 1e-7, 3.21e-7, 2e-7)),
        make_certificate(make_rung("forward", 1e-7, 1e-7, 1e-7), seed=1),
        make_certificate(make_rung("forward", 1e-8), seed=1, backend="keras"),
    ]
    (found,) = derive(made)
    assert MARGIN * 3.21e-7 <= found.tolerance == 2e-6
    assert found.largest_seen == 3.21e-7
    assert found.seen_in == "torch idiomatic, deeper-cnn, seed 0"
    assert (found.certificates, found.seeds) == (3, 2)
    assert found.source == "6.2 x the largest of 3 certificates over 2 seeds"


@pytest.mark.parametrize(
    ("seen", "tolerance"), [(1e-6, 4e-6), (2.5e-6, 1e-5), (2.6e-6, 2e-5), (0.3, 2.0), (5e-9, 2e-8)]
)
def test_it_is_rounded_up_to_one_digit(seen, tolerance):
    (found,) = derive([make_certificate(make_rung("loss", seen))])
    assert found.tolerance == tolerance


def test_rungs_keep_their_order_and_exact_ones_have_none():
    made = make_certificate(
        make_rung("data", 0.0),
        make_rung("architecture", 0.0),
        make_rung("loss", 1e-8),
        make_rung("forward", 1e-7),
    )
    assert [one.rung for one in derive([made])] == ["loss", "forward"]


def test_what_has_no_number_says_nothing():
    made = [
        make_certificate(make_rung("forward", 1e-7), make_rung("loss")),
        make_certificate(make_rung("forward", 1e-3, None), seed=1),
    ]
    (found,) = derive(made)
    assert (found.rung, found.largest_seen, found.certificates) == ("forward", 1e-7, 1)


def test_a_certificate_that_declares_a_deviation_is_left_out():
    right = make_certificate(make_rung("forward", 1e-7))
    other = make_certificate(make_rung("forward", 1e-6), make_rung("loss", 0.5, verdict="deviates"))
    assert derive([right, other]) == derive([right])
    assert derive([other]) == derive([]) == []


def test_a_smooth_network_has_a_tolerance_of_its_own_where_steps_are_many():
    made = [
        make_certificate(make_rung("optimiser state", 1e-4), make_rung("loss", 1e-7)),
        make_certificate(make_rung("optimiser state", 1e-6), model="single-layer"),
    ]
    found = {(one.rung, one.smooth): one.largest_seen for one in derive(made)}
    assert found == {
        ("optimiser state", False): 1e-4,
        ("optimiser state", True): 1e-6,
        ("loss", False): 1e-7,
    }


def test_every_rung_that_is_no_exact_one_has_a_tolerance():
    exact = {"data", "architecture", "order", "dropout"}
    kinked, smooth = MODELS["two-layer"], MODELS["single-layer"]
    assert is_smooth(smooth)
    assert not is_smooth(kinked)
    measured = [rung for rung in RUNGS if rung != "causality"]  # it has a share of that of forward
    for rung in measured:
        ours, theirs = limit_of(rung, kinked), limit_of(rung, smooth)
        assert (ours == EXACT) == (theirs == EXACT) == (rung in exact)
        assert (ours != theirs) == (rung in LONG_RUNGS)
        assert theirs.tolerance <= ours.tolerance
    assert {rung for rung, _ in tolerances()} == set(measured) - exact


def test_a_smooth_network_that_roundings_move_has_a_wider_tolerance_up_to_that_of_others():
    smooth, kinked = MODELS["single-layer"], MODELS["two-layer"]
    rung = "update after 10 steps"
    narrow, wide = limit_of(rung, smooth).tolerance, limit_of(rung, kinked).tolerance
    assert sensitive_limit(rung, smooth, narrow / 17).tolerance == narrow
    assert sensitive_limit(rung, smooth, narrow / 4).tolerance == pytest.approx(4 * narrow)
    assert sensitive_limit(rung, smooth, 1.0).tolerance == wide
    assert sensitive_limit(rung, kinked, 1.0).tolerance == wide
    # What is alike for all networks stays so.
    assert sensitive_limit("update after 1 step", smooth, 1.0) == limit_of(
        "update after 1 step", smooth
    )
