"""Tolerances: derived from what certificates saw, and what is shipped."""

from __future__ import annotations

import pytest
from makers import make_certificate, make_rung

from benchbench.certify.exercise import PROGRAMS
from benchbench.certify.rungs import tolerance_of
from benchbench.certify.tolerances import MARGIN, derive, tolerances


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


def test_every_rung_that_is_no_exact_one_has_a_tolerance():
    measured = ["forward", "loss", *(one.name for one in PROGRAMS), "evaluation", "predictions"]
    assert sorted(tolerances()) == sorted(measured)
    for name in measured:
        assert tolerance_of(name) == (tolerances()[name].tolerance, tolerances()[name].source)
    assert tolerance_of("architecture") == tolerance_of("data") == (0.0, "exact")
