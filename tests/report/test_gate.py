"""What passes a gate, and what is said of it."""

from __future__ import annotations

import msgspec
import pytest

from benchbench.compare.contrast import CellName, Contrast, Ratio
from benchbench.experiments.gate.report import GateReport, GateRow, PairTimes, objections
from benchbench.report.gate import build
from benchbench.report.renderers.markdown import render


def times(verdict: str, ratio=1.01, low=0.99, high=1.02, reason="") -> PairTimes:
    steady = Ratio(ratio=ratio, low=low, high=high, block_count=3, pair_count=30)
    return PairTimes(
        session_id="one",
        own_seconds=0.101,
        baseline_seconds=0.1,
        contrast=Contrast(
            model="deeper-cnn",
            cell=CellName("torch", "tuned", "tree"),
            baseline=CellName("torch", "tuned", "main@abc1234"),
            steady=steady,
            first_epoch=None,
            cold_total=None,
            verdict=verdict,
            reason=reason,
        ),
    )


SAME = times("SAME")
FASTER = times("FASTER", 0.8, 0.7, 0.9)
SLOWER = times("SLOWER", 1.2, 1.15, 1.25)
UNDECIDED = times("UNDECIDED", reason="7 more blocks | would do")
EXPLORATORY = times("EXPLORATORY", low=None, high=None, reason="one block")


def row(first=None, second=None, trouble=None) -> GateRow:
    return GateRow(
        model="deeper-cnn",
        backend="torch",
        division="tuned",
        first=first,
        second=second,
        trouble=trouble,
    )


@pytest.mark.parametrize(
    "rows",
    [
        [row(SAME)],
        [row(FASTER), row(UNDECIDED)],
        [row(SLOWER, SAME)],
        [row(SLOWER, UNDECIDED)],
        [row(SLOWER, FASTER)],
    ],
)
def test_what_passes(rows):
    assert objections(rows, strict=False) == ()


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "there is no cell to compare"),
        ([row(SLOWER, SLOWER)], "SLOWER: 1.200 (1.150 to 1.250), confirmed: 1.200"),
        ([row(SLOWER)], "no second session"),
        ([row(SAME), row()], "it was not compared"),
        ([row(EXPLORATORY)], "no verdict: one block"),
        ([row(trouble="no certificate")], "no certificate"),
        ([row(SLOWER, trouble="the run x crashed")], "the run x crashed"),
    ],
)
def test_what_does_not(rows, reason):
    (told,) = objections(rows, strict=False)
    assert reason in told
    assert not rows or told.startswith("deeper-cnn torch tuned: ")


def test_strict_wants_a_decision():
    assert objections([row(SAME), row(SLOWER, SAME)], strict=True) == ()
    assert len(objections([row(UNDECIDED)], strict=True)) == 1


def report(*rows: GateRow, strict: bool = False) -> GateReport:
    told = objections(rows, strict=strict)
    return GateReport(
        ref="main",
        ref_commit="abc1234" + "0" * 33,
        commit="def5678" + "0" * 33,
        changes=("a|b.py",),
        dataset="mnist",
        dataset_sha256=None,
        margin=0.03,
        confidence=0.95,
        seed=0,
        strict=strict,
        notes=("uncommitted changes in a|b.py",),
        rows=rows,
        objections=told,
        passed=not told,
    )


def test_the_table_has_both_trees_and_the_remarks_say_the_rest():
    lines = render(build(report(row(SAME), row(UNDECIDED), row(SLOWER, SAME)))).splitlines()
    assert "main@abc1234" in lines[0]
    (same,) = [line for line in lines if line.endswith("| SAME                  |")]
    assert [cell.strip() for cell in same.split("|")[4:8]] == [
        "0.100",
        "0.101",
        "1.010 (0.990 to 1.020)",
        "3",
    ]
    assert "- uncommitted changes in a\\|b.py" in lines
    assert "- deeper-cnn torch tuned: UNDECIDED: 7 more blocks \\| would do" in lines
    assert any("a second session does not confirm it, so it passes" in line for line in lines)
    assert lines[-1] == "PASS: 1 SAME, 1 UNDECIDED, 1 SLOWER (1 SLOWER not confirmed)"


def test_the_last_line_has_every_reason_to_fail():
    said = render(build(report(row(SLOWER, SLOWER), row(trouble="the run broke:\nall of it"))))
    assert "| SLOWER, confirmed |" in said
    assert "| not compared      |" in said
    assert said.splitlines()[-1] == (
        "FAIL: deeper-cnn torch tuned: SLOWER: 1.200 (1.150 to 1.250), confirmed: 1.200 "
        "(1.150 to 1.250); deeper-cnn torch tuned: the run broke: all of it"
    )


def test_margin_and_confidence_are_not_rounded():
    finer = msgspec.structs.replace(report(row(SAME)), margin=0.025, confidence=0.995)
    told = " ".join(render(build(finer)).split())
    assert "99.5 % confidence interval" in told
    assert "Times within 2.5 % of each other count as the same" in told
