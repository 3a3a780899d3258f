"""The table of `benchbench conform`: what is folded into one line, and what is not left out."""

from __future__ import annotations

import pytest

from benchbench.report.renderers import markdown
from benchbench.testing import report
from benchbench.testing.outcomes import CaseOutcome, Conformance


def _result(*tests, **changes):
    facts = {
        "backend": "abacus",
        "division": "idiomatic",
        "device": "cpu",
        "threads": 1,
        "benchbench_version": "0.1.0",
        "versions": {"numpy": "2.10"},
        "selected": None,
        "seconds": 3.25,
        "test_count": len(tests),
        "died": None,
    }
    return Conformance(tests=tests, **facts | changes)


def _outcome(test, outcome="passed", reason=None):
    return CaseOutcome(test=test, outcome=outcome, seconds=0.5, reason=reason)


def test_failures_of_one_function_for_one_reason_share_a_line():
    result = _result(
        _outcome("test_a[x-1]", "failed", "too | large\nby <b>far</b>"),
        _outcome("test_a[y-1]", "failed", "too | large\nby <b>far</b>"),
        _outcome("test_a[z-1]"),
        _outcome("test_b", "failed", "x" * 1000),
    )
    assert not result.passed
    text = markdown.render(report.build(result))
    assert "**does not conform**: 3 failed, 1 passed, in 3.25 s" in text
    assert r"- `test_a` (x-1, y-1): too \| large by \<b\>far\</b\>" in text
    assert f"- `test_b`: {'x' * 300} …" in text.splitlines()


@pytest.mark.parametrize("last", ["passed", "failed"])
def test_many_reasons_of_one_function_are_not_all_told(last):
    outcomes = [_outcome(f"test_a[{n}]", "failed", f"off by {n}\n +  where") for n in range(5)]
    items = markdown.render(
        report.build(_result(*outcomes, _outcome("test_a[last]", last, "late")))
    ).splitlines()
    listed = "3, 4" if last == "passed" else "all 3 others"
    assert items[-4:] == [
        "- `test_a` (0): off by 0",
        "- `test_a` (1): off by 1",
        "- `test_a` (2): off by 2",
        f"- `test_a` ({listed}): for reasons that --json tells",
    ]


def test_skips_for_one_reason_share_a_line_and_do_not_stop_conformance():
    skips = [_outcome(f"test_a[{n}]", "skipped", "no pool") for n in range(3)]
    result = _result(*skips, _outcome("test_b", "skipped", "no loss"), _outcome("test_c"))
    assert result.passed
    text = markdown.render(report.build(result))
    assert "**conforms**: 1 passed, 4 skipped, in 3.25 s" in text
    assert text.endswith("Skipped:\n\n- 3: no pool\n- 1: no loss")


def test_what_a_backend_refuses_with_one_answer_shares_a_line():
    refused = [
        _outcome(f"test_a[{what}]", "skipped", f"abacus does not do {what}: no layer: Conv2D")
        for what in ("simple-cnn", "deeper-cnn")
    ]
    again = _outcome("test_b[simple-cnn]", "skipped", refused[0].reason)
    text = markdown.render(report.build(_result(*refused, again)))
    assert text.endswith("- 3: abacus does not do simple-cnn, deeper-cnn: no layer: Conv2D")


def test_of_many_reasons_to_skip_the_commonest_are_told_and_the_others_counted():
    common = [_outcome(f"test_a[{n}]", "skipped", "no pool") for n in range(2)]
    rare = [_outcome(f"test_b[{n}]", "skipped", f"no loss {n}") for n in range(4)]
    text = markdown.render(report.build(_result(*rare, *common)))
    assert text.splitlines()[-4:] == [
        "- 2: no pool",
        "- 1: no loss 0",
        "- 1: no loss 1",
        "- 2 others, for reasons that --json tells: `test_b` (2)",
    ]


def test_a_suite_that_died_before_its_first_test_does_not_conform():
    result = _result(died="its process ended with exit code 1", test_count=None, versions=None)
    assert not result.passed
    text = markdown.render(report.build(result))
    assert "**does not conform**: no test ran" in text
    assert "its own versions unknown" in text
    assert "Only 0 tests ran: its process ended with exit code 1." in text
