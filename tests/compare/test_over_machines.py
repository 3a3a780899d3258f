"""Machines as a level of the comparison: each has its verdict, and together they may have one."""

from __future__ import annotations

import random

import msgspec
import pytest
from fleets import QUESTION, even, fleet, machine, one_section, pooled

from benchbench.compare.comparison import compare


def test_machines_of_one_kind_have_a_row_each_and_one_together():
    section = one_section(fleet(even(0.8, between=0.01)))
    assert section.hosts == tuple(f"node{number}" for number in range(5))
    assert [(one.host, one.verdict) for one in section.contrasts] == [
        (host, "FASTER") for host in section.hosts
    ]
    assert [one.steady.block_count for one in section.contrasts] == [3] * 5
    (row,) = section.over_machines
    assert (row.machine_count, row.block_count, row.verdict) == (5, 15, "FASTER")
    assert row.ratio == pytest.approx(0.8, rel=1e-3)
    assert row.predicted_low < row.low < row.ratio < row.high < row.predicted_high
    assert row.verdicts == {"FASTER": 5}


def test_seconds_of_several_machines_are_never_pooled():
    """The cells are of one machine each, and a machine that is ten times as slow counts alike."""
    slow = {"slow": even(0.8)["node0"]}
    records = fleet(even(0.8)) + [
        msgspec.structs.replace(
            one,
            run_id=f"slow-{one.run_id}",
            block=one.block + 100,
            epochs=tuple(
                msgspec.structs.replace(epoch, train_seconds=10 * epoch.train_seconds)
                for epoch in one.epochs
            ),
        )
        for one in fleet(slow)
    ]
    section = one_section(records)
    assert len(section.cells) == 2 * 6
    assert max(one.steady_epoch_seconds.seconds for one in section.cells) == pytest.approx(20)
    (row,) = section.over_machines
    assert row.machine_count == 6
    assert row.ratio == pytest.approx(0.8, rel=2e-3)


def test_one_machine_alone_is_compared_as_before():
    named, unnamed = fleet({"node0": even(0.8)["node0"]}), fleet({machine(None): [0.1, 0.11]})
    for records in (named, unnamed):
        section = one_section(records)
        assert section.hosts == ()
        assert section.over_machines == ()
        assert len(section.contrasts) == 1


def test_a_large_difference_between_machines_leaves_the_verdict_open_though_each_has_one():
    row = pooled(fleet(even(0.8, between=0.15)))
    assert row.verdicts == {"FASTER": 5}
    assert row.verdict == "UNDECIDED"
    assert "no number of machines would settle it" in row.reason
    assert row.between > 0.05
    assert row.heterogeneity > 0.9


def test_the_middle_machine_alone_gives_no_verdict():
    """Its confidence interval lies far outside the margin; a further machine may be at it."""
    row = pooled(fleet(even(0.9, machines=8, between=0.10)))
    assert row.high < 1 / 1.03
    assert row.verdict == "UNDECIDED"


def test_equals_on_machines_that_agree_are_the_same():
    row = pooled(fleet(even(1.0, machines=8, within=0.002)))
    assert row.verdict == "SAME"
    assert "90 % prediction interval" in row.reason


TOO_FEW = "2 machines are too few to tell how machines of this kind differ: 3 or more are needed"


def test_two_machines_are_too_few_and_have_their_own_verdicts():
    section = one_section(fleet(even(0.8, machines=2)))
    assert [one.verdict for one in section.contrasts] == ["FASTER", "FASTER"]
    (row,) = section.over_machines
    assert (row.verdict, row.reason) == ("EXPLORATORY", TOO_FEW)
    assert row.ratio == pytest.approx(0.8, rel=1e-2)
    assert row.predicted_low is None


@pytest.mark.parametrize("machines", [3, 4])
def test_a_few_machines_tell_how_they_differ_but_not_where_a_further_one_lies(machines):
    (row,) = one_section(fleet(even(0.8, machines=machines, between=0.02))).over_machines
    assert row.verdict == "EXPLORATORY"
    assert row.reason.startswith(f"{machines} machines are too few to tell where a further one")
    assert row.low < row.ratio < row.high
    assert row.between is not None
    assert {row.predicted_low, row.predicted_high, row.p_faster, row.p_slower, row.p_same} == {None}


def test_one_block_a_machine_does_not_tell_machines_from_blocks():
    row = pooled(fleet(even(0.8, machines=6, blocks=1)))
    assert row.verdict == "EXPLORATORY"
    assert "two a machine are needed" in row.reason
    assert row.verdicts == {"EXPLORATORY": 6}


def test_machines_that_contradict_each_other_have_no_verdict_together():
    logs = even(1.3, machines=4) | {"odd": even(0.8)["node1"], "even": even(0.8)["node3"]}
    row = pooled(fleet(logs))
    assert row.verdict == "EXPLORATORY"
    assert row.reason == "machines contradict each other: FASTER on 2, SLOWER on 4"
    assert row.ratio is not None, "refused with the figures"


def test_a_machine_that_stands_apart_is_named():
    logs = even(1.3, machines=6, between=0.01) | {"odd": even(1.9)["node1"]}
    row = pooled(fleet(logs))
    assert row.verdict == "EXPLORATORY"
    assert "machine odd stands apart from the others, with a ratio of 1.9" in row.reason


def test_machines_that_differ_moderately_do_not_stand_apart():
    assert pooled(fleet(even(1.3, machines=7, between=0.05))).verdict == "SLOWER"


def test_verdicts_are_held_over_machines_and_rows():
    """What is clear enough on one machine alone is not among a hundred."""
    logs = {f"node{number:03d}": [0.05, 0.057, 0.064] for number in range(100)}
    alone = one_section(fleet({"node000": logs["node000"]}))
    assert alone.contrasts[0].verdict == "SLOWER"
    section = one_section(fleet(logs))
    assert {one.verdict for one in section.contrasts} == {"UNDECIDED"}
    assert "it may be chance among 100 comparisons (Holm correction)" in section.contrasts[0].reason


def test_rows_over_machines_are_one_table():
    logs = even(1.06, between=0.009)
    (alone,) = one_section(fleet(logs)).over_machines
    models = ("single-layer", "two-layer", "simple-cnn", "deeper-cnn")
    records = [one for model in models for one in fleet(logs, model=model)]
    rows = one_section(records).over_machines
    assert alone.verdict == "SLOWER"
    assert [one.model for one in rows] == list(models)
    assert {one.p_slower for one in rows} == {alone.p_slower}
    assert alone.p_slower * 2 * 4 > 0.05, "the example is of the kind that is meant"
    assert {one.verdict for one in rows} == {"UNDECIDED"}
    assert "it may be chance among 4 comparisons (Holm correction)" in rows[0].reason


def test_the_order_of_the_records_means_nothing():
    records = fleet(even(0.8, between=0.02))
    shuffled = random.Random(3).sample(records, len(records))
    assert compare(shuffled, QUESTION, certified=False) == compare(
        records, QUESTION, certified=False
    )


def test_a_run_that_failed_last_does_not_set_its_session_apart():
    """What a run trained on is not known of one that failed."""

    def spoil(record):
        if (record.backend, record.block) != ("torch", 2):
            return [record]
        gone = {"status": "crashed", "error": "no luck", "epochs": (), "train_image_count": None}
        return [msgspec.structs.replace(record, started="2030-01-01T00:00:00+00:00", **gone)]

    section = one_section(fleet({"node0": even(0.8)["node0"]}, spoil=spoil))
    assert [one.steady.block_count for one in section.contrasts] == [2]
    assert section.contrasts[0].left_out == ("block 2: torch idiomatic crashed: no luck",)
