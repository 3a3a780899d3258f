"""Tables of many certificates: a row a cell, the worst that was seen in it."""

from __future__ import annotations

import pytest

from benchbench.certificates import Certificate, Rung
from benchbench.report import ladder
from benchbench.report.text import UNKNOWN


def rung(name, *differences, verdict="holds"):
    starts = dict(zip(("fresh", "saturated", "trained"), differences, strict=False))
    return Rung(
        name=name, measure="m", differences=starts, tolerance=1e-5, source="s", verdict=verdict
    )


def certificate(*rungs, seed, division="idiomatic", verdict="holds"):
    return Certificate(
        backend="torch",
        division=division,
        device="cpu",
        threads=1,
        model="two-layer",
        certified_sha256="c" * 64,
        batch_size=128,
        seed=seed,
        reference="numpy-float64",
        sources_sha256="s" * 64,
        versions={},
        settings={},
        verdict=verdict,
        rungs=rungs,
        seconds=1.0,
        made="2026-01-02T03:04:05+00:00",
    )


MADE = [
    certificate(rung("data", 0.0), rung("forward", 1e-7, 2e-7), rung("loss", 0.0), seed=0),
    certificate(rung("data", 0.0), rung("forward", 3e-7, 1e-7), rung("loss", 4e-8), seed=1),
    certificate(
        rung("data", 0.0),
        rung("forward", 1e-7, 5e-3, verdict="breaks"),
        rung("loss", verdict="not reached"),
        division="tuned",
        seed=0,
        verdict="breaks",
    ),
    certificate(
        rung("data", 0.0), rung("forward", 1e-7), rung("loss", 2e-8), division="tuned", seed=1
    ),
    certificate(
        rung("data", 0.0), rung("forward", 1e-7), rung("loss", 1e-8), division="tuned", seed=2
    ),
]


def rows(table):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def test_every_cell_has_its_verdict_and_its_worst_over_the_seeds():
    assert rows(ladder.cells(MADE)) == [
        ["two-layer", "torch", "idiomatic", "cpu", "2", "holds", "3.0e-07", "4.0e-08"],
        ["two-layer", "torch", "tuned", "cpu", "3", "holds 2, breaks 1", "5.0e-03", "2.0e-08"],
    ]


@pytest.mark.parametrize("table", [ladder.cells, ladder.spread])
def test_no_finite_number_is_not_shown_as_none(table):
    made = [certificate(rung("forward", 1e-7, None, verdict="breaks"), seed=0, verdict="breaks")]
    assert rows(table(made))[0][-1] == UNKNOWN


def test_a_rung_that_none_reached_is_unknown():
    made = [certificate(rung("loss", verdict="not reached"), seed=0, verdict="breaks")]
    assert rows(ladder.cells(made))[0][-1] == UNKNOWN


def test_the_spread_counts_certificates_and_takes_all_models_together():
    assert rows(ladder.spread(MADE)) == [
        ["torch", "idiomatic", "2", "3.0e-07", "4.0e-08"],
        ["torch", "tuned", "3", "5.0e-03", "2.0e-08"],
    ]
