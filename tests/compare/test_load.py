"""A machine too full for the threads of a run gives no verdict, and one that has room does."""

from __future__ import annotations

import msgspec
import pytest
from makers import MACHINE

from benchbench.compare.contrast import OPEN, Question, contrast
from benchbench.compare.load import crowded
from benchbench.compare.verdicts import judge

TWO_CORES = msgspec.structs.replace(MACHINE, usable_cores=2)


def seen(runs, *, others=0.0, used=None, steal=None, threads=2):
    """Return the runs on two cores, of which others used a share; CPU time a second `used`."""
    return [
        msgspec.structs.replace(
            run,
            machine=TWO_CORES,
            threads=threads,
            epochs=tuple(
                msgspec.structs.replace(
                    epoch,
                    foreign_cpu_fraction=others,
                    train_cpu_seconds=(used or threads) * epoch.train_seconds,
                    machine=steal and msgspec.structs.replace(epoch.machine, steal_fraction=steal),
                )
                for epoch in run.epochs
            ),
        )
        for run in runs
    ]


def verdict(own, baseline):
    question = Question()
    (row,) = judge([contrast(own, baseline, question)], question)
    return row


@pytest.mark.parametrize(
    ("threads", "others", "found"),
    [
        (2, 0.0, None),
        (2, 0.1, None),
        (2, 0.5, "had 2 threads on 2 cores, of which others used 1.0"),
        (1, 0.5, None),
        (1, 0.9, None),
    ],
)
def test_what_spoils_a_ratio_is_more_threads_than_cores_are_left(make_runs, threads, others, found):
    (run,) = seen(make_runs("a", [(1, 1, 1)]), others=others, threads=threads)
    assert crowded(run, [run]) == found


def test_threads_that_did_not_get_their_cores_are_seen_by_their_own_best_block(make_runs):
    good, bad = make_runs("a", [(1, 1, 1)] * 2)
    (good,), (bad,) = seen([good], used=1.97), seen([bad], used=1.0)
    assert crowded(bad, [good, bad]) == "got 1.0 s of CPU time a second, in another block 2.0"
    assert crowded(good, [good, bad]) is None
    assert crowded(bad, [bad]) is None, "there is nothing to judge it by"


def test_what_the_record_does_not_tell_is_taken_for_nothing(make_runs):
    (run,) = make_runs("a", [(1, 1)], threads=2)
    assert crowded(run, [run]) is None


def test_a_full_machine_gives_no_verdict_and_says_what_to_do(make_runs):
    """As it was measured: 55 s beside 2.1 s, where a quiet machine has 1.2 and 1.5."""
    own = seen(make_runs("torch", [(55, 54, 56)] * 3), others=0.5, used=1.0)
    baseline = seen(make_runs("keras", [(2.1, 2.0, 2.2)] * 3), others=0.5, used=0.31)
    row = verdict(own, baseline)
    assert row.verdict == "NOISY"
    assert row.verdict in OPEN
    assert "the machine was too full in 3 of 3 blocks (block 0: torch idiomatic had 2" in row.reason
    for advice in ("--threads 1", "--wait-for-quiet", "another machine"):
        assert advice in row.reason


def test_the_same_times_on_a_quiet_machine_have_their_verdict(make_runs):
    own = seen(make_runs("torch", [(55, 54, 56), (55, 55, 54), (56, 55, 55)]))
    baseline = seen(make_runs("keras", [(2.1, 2.0, 2.2)] * 3))
    assert verdict(own, baseline).verdict == "SLOWER"


def test_one_full_block_of_many_keeps_no_verdict_back(make_runs):
    own, baseline = make_runs("a", [(2, 2.01, 2)] * 8), make_runs("b", [(1, 1, 1)] * 8)
    own = [*seen(own[:1], others=0.5), *seen(own[1:])]
    row = verdict(own, seen(baseline))
    assert len(row.crowded) == 1
    assert row.verdict == "SLOWER"
