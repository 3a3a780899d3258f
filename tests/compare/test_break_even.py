"""From which epoch on a run is ahead, beside adding up the epochs one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.compare.break_even import BreakEven, break_even
from benchbench.compare.contrast import Question, contrast

whole = st.integers(1, 60)


def later_seconds(run) -> float:
    return sum(epoch.train_seconds + epoch.validation_seconds for epoch in run.epochs[1:])


def found(make_runs, own, other) -> BreakEven | None:
    """Compare two runs, each of a start and the seconds of a later epoch, validation included."""
    starts = {"own": own[0], "other": other[0]}
    ((ours,), (theirs,)) = (
        make_runs(name, [(1, seconds, seconds)])
        for name, (_, seconds) in {"own": own, "other": other}.items()
    )
    return break_even([(ours, theirs)], lambda run: starts[run.backend] + later_seconds(run))


@pytest.mark.parametrize(
    ("own", "other", "expected", "words"),
    [
        ((35, 1), (5, 4), BreakEven(11), "11"),  # 30 behind, 3 saved an epoch
        ((36, 1), (5, 4), BreakEven(12), "12"),
        ((5, 1), (5, 4), BreakEven(1), "1"),
        ((35, 4), (5, 4), BreakEven(None), "never"),
        ((35, 5), (5, 4), BreakEven(None), "never"),
        ((5, 5), (8, 4), BreakEven(1, 4), "until 4"),
    ],
)
def test_a_slow_start_pays_after_so_many_epochs(make_runs, own, other, expected, words) -> None:
    answer = found(make_runs, own, other)
    assert answer == expected
    assert str(answer) == words


@given(whole, whole, whole, whole)
def test_it_is_what_adding_up_the_epochs_says(make_runs, start, epoch, other_start, other) -> None:
    answer = found(make_runs, (start, epoch), (other_start, other))
    for n in range(1, 70):
        ahead = start + (n - 1) * epoch <= other_start + (n - 1) * other
        told = answer.first is not None and answer.first <= n <= (answer.last or n)
        assert told == ahead, (n, answer)


def test_what_is_not_known_breaks_nothing_even(make_runs) -> None:
    runs = make_runs("own", [(1, 2)])
    assert break_even([], later_seconds) is None
    assert break_even([(runs[0], runs[0])], lambda _: None) is None
    (one,) = make_runs("own", [(1,)])
    assert break_even([(one, one)], lambda _: 9.0) is None


def test_a_contrast_says_it(make_runs) -> None:
    # These runs have one total: what the later epoch saves, the start has cost.
    answer = contrast(make_runs("a", [(1, 1)] * 2), make_runs("b", [(1, 2)] * 2), Question())
    assert answer.break_even == BreakEven(2)
