"""Tables of many certificates: a row a cell, the worst that was seen in it."""

from __future__ import annotations

import pytest
from makers import make_certificate, make_rung

from benchbench.report import ladder
from benchbench.report.renderers import markdown
from benchbench.report.text import UNKNOWN


def made(*rungs, **changes):
    return make_certificate(make_rung("data", 0.0), *rungs, **changes)


BROKEN = make_rung("forward", 1e-7, 5e-3, verdict="breaks")
MADE = [
    made(make_rung("forward", 1e-7, 2e-7), make_rung("loss", 0.0)),
    made(make_rung("forward", 3e-7, 1e-7), make_rung("loss", 4e-8), seed=1),
    made(BROKEN, make_rung("loss", verdict="not reached"), division="tuned"),
    made(make_rung("forward", 1e-7), make_rung("loss", 2e-8), division="tuned", seed=1),
    made(make_rung("forward", 1e-7), make_rung("loss", 1e-8), division="tuned", seed=2),
]


def rows(document):
    lines = markdown.render(document).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_cell_has_its_verdict_and_its_worst_over_the_seeds():
    assert rows(ladder.cells(MADE)) == [
        ["deeper-cnn", "torch", "idiomatic", "cpu", "2", "holds", "3.0e-07", "4.0e-08"],
        ["deeper-cnn", "torch", "tuned", "cpu", "3", "holds 2, breaks 1", "5.0e-03", "2.0e-08"],
    ]


@pytest.mark.parametrize("table", [ladder.cells, ladder.spread])
def test_no_finite_number_is_not_shown_as_none(table):
    certificate = make_certificate(make_rung("forward", 1e-7, None, verdict="breaks"))
    assert rows(table([certificate]))[0][-1] == UNKNOWN


def test_a_rung_that_none_reached_is_unknown():
    certificate = make_certificate(make_rung("loss", verdict="not reached"))
    assert rows(ladder.cells([certificate]))[0][-1] == UNKNOWN


def test_the_spread_counts_certificates_and_takes_all_models_together():
    assert rows(ladder.spread(MADE)) == [
        ["torch", "idiomatic", "2", "3.0e-07", "4.0e-08"],
        ["torch", "tuned", "3", "5.0e-03", "2.0e-08"],
    ]
