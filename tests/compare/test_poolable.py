"""What of several machines may be pooled: what is lost, what differs, what stands apart."""

from __future__ import annotations

import math

import msgspec
import pytest
from fleets import KERAS, QUESTION, even, fleet, machine, one_section, pooled

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.records import Stopping


def lose(backend, block, **changes):
    def spoil(record):
        if (record.backend, record.block) != (backend, block):
            return [record]
        return [msgspec.structs.replace(record, **changes)] if changes else []

    return spoil


LOST = {
    "crashed": (lose("torch", 4, status="crashed", error="no luck", epochs=()), "no luck"),
    "no record": (lose("torch", 4), "torch idiomatic has no run"),
}


@pytest.mark.parametrize(("spoil", "told"), LOST.values(), ids=LOST)
def test_a_lost_block_keeps_back_its_machines_verdict_and_that_of_all(spoil, told):
    records = fleet(even(0.8), spoil=spoil)
    section = one_section(records)
    assert [one.verdict for one in section.contrasts] == [
        "FASTER",
        "UNDECIDED",
        *["FASTER"] * 3,
    ]
    (row,) = section.over_machines
    assert row.verdict == "EXPLORATORY"
    assert row.reason.startswith("machine node1, block 4: torch idiomatic")
    assert told in row.reason
    assert "--allow-lost-blocks" in row.reason
    allowed = pooled(records, Question(allow_lost_blocks=True))
    assert (allowed.verdict, allowed.block_count) == ("FASTER", 14)
    assert "left out" in allowed.reason
    assert any(told in one for one in allowed.left_out)


def test_a_block_that_left_no_record_on_any_machine_is_no_single_machines_loss():
    records = [one for one in fleet(even(0.8)) if one.block != 4]
    section = one_section(records)
    assert {one.verdict for one in section.contrasts} == {"FASTER"}
    assert section.blocks_of_no_machine == ("single-layer: block 4 left no record on any machine",)
    (row,) = section.over_machines
    assert row.verdict == "EXPLORATORY"
    assert "block 4 left no record on any machine" in row.reason
    assert pooled(records, Question(allow_lost_blocks=True)).verdict == "FASTER"


def test_a_block_that_was_run_again_on_another_machine_is_not_lost():
    def spoil(record):
        gone = {"status": "crashed", "error": "the node died", "epochs": ()}
        return [msgspec.structs.replace(record, **gone) if record.block == 4 else record]

    again = {"node3": [math.log(0.8)]}
    records = fleet(even(0.8), spoil=spoil)
    records += fleet(again, first=15, replaces_blocks=(4,))
    section = one_section(records)
    assert [one.steady.block_count for one in section.contrasts] == [3, 2, 3, 4, 3]
    (row,) = section.over_machines
    assert (row.verdict, row.block_count) == ("FASTER", 15)


def test_a_certificate_that_is_missing_on_one_machine_keeps_the_verdict_back():
    def spoil(record):
        told = "the certification crashed there" if record.machine.host == "node2" else None
        return [msgspec.structs.replace(record, uncertified=told)]

    section = one_section(fleet(even(0.8), spoil=spoil), certified=True)
    assert section.contrasts == (), "none of these has a certificate"
    assert {one.host for one in section.not_comparable} == set(section.hosts)


def test_a_cell_that_failed_on_one_machine_keeps_the_verdict_back_and_is_named():
    def spoil(record):
        if (record.machine.host, record.backend) != ("node2", "torch"):
            return [record]
        return [msgspec.structs.replace(record, status="oom", error="no more", epochs=())]

    section = one_section(fleet(even(0.8), spoil=spoil))
    assert [one.host for one in section.contrasts] == ["node0", "node1", "node3", "node4"]
    (row,) = section.over_machines
    assert row.verdict == "EXPLORATORY"
    assert row.machine_count == 4
    assert "machine node2 has no ratio (torch idiomatic: none of its runs succeeded" in row.reason


def test_other_versions_are_another_section():
    def spoil(record):
        newer = record.machine.host in {"node3", "node4"} and record.backend == "torch"
        versions = {"torch": "2.14.0" if newer else "2.13.0"}
        return [msgspec.structs.replace(record, versions=versions)]

    sections = compare(fleet(even(0.8), spoil=spoil), QUESTION, KERAS, certified=False)
    assert [(one.software, len(one.contrasts)) for one in sections] == [
        ("torch 2.13.0", 3),
        ("torch 2.14.0", 2),
    ]
    assert [one.over_machines[0].machine_count for one in sections] == [3, 2]
    assert not any(one.left_out for section in sections for one in section.contrasts)
    assert "Some CPU, 2 cores, torch 2.14.0" in sections[1].title


ENVIRONMENTS = {
    "another allocator": {"environment": {"LD_PRELOAD": "libjemalloc.so"}},
    "another Python": {"machine": machine("node0", python="3.12.1")},
}


@pytest.mark.parametrize("changes", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_what_times_depend_on_is_another_section(changes):
    def spoil(record):
        own = changes if record.machine.host == "node0" else {}
        return [msgspec.structs.replace(record, **own)]

    sections = compare(fleet(even(0.8), spoil=spoil), QUESTION, KERAS, certified=False)
    assert sorted(len(one.contrasts) for one in sections) == [1, 4]


def test_a_machine_whose_runs_all_failed_belongs_to_the_usual_software():
    def spoil(record):
        if record.machine.host == "node4":
            gone = {"status": "crashed", "error": "no luck", "epochs": (), "versions": {}}
            return [msgspec.structs.replace(record, **gone)]
        versions = {"torch": "2.14.0" if record.machine.host == "node3" else "2.13.0"}
        return [msgspec.structs.replace(record, versions=versions)]

    sections = compare(fleet(even(0.8), spoil=spoil), QUESTION, KERAS, certified=False)
    assert [(one.software, len(one.failures)) for one in sections] == [
        ("torch 2.13.0", 6),
        ("torch 2.14.0", 0),
    ]


def test_another_processor_is_another_section():
    other = machine("big", processor="Another CPU")
    sections = compare(
        fleet(even(0.8) | {other: even(0.8)["node0"]}), QUESTION, KERAS, certified=False
    )
    assert [(one.machine, len(one.contrasts)) for one in sections] == [
        ("Another CPU, 2 cores", 1),
        ("Some CPU, 2 cores", 5),
    ]


def test_machines_with_sessions_of_their_own_are_compared_each_by_its_latest():
    records = []
    for number, (host, logs) in enumerate(even(0.8).items()):
        when = f"2026-03-0{number + 1}T00:00:00+00:00"
        records += fleet({host: logs}, session=f"s{number}", started=when)
    records += fleet({"node0": [0.7, 0.7]}, session="old", started="2025-01-01T00:00:00+00:00")
    section = one_section(records)
    assert [one.host for one in section.contrasts] == [f"node{number}" for number in range(5)]
    assert {one.verdict for one in section.contrasts} == {"FASTER"}
    (row,) = section.over_machines
    assert (row.machine_count, row.verdict) == (5, "FASTER")
    assert section.sessions == {"single-layer": "s4"}


def test_a_session_of_one_cell_on_another_machine_is_no_machine_of_the_comparison():
    alone = [one for one in fleet({"other": [0.1]}, session="s0") if one.backend == "torch"]
    section = one_section(fleet({"node0": even(0.8)["node0"]}) + alone)
    assert section.hosts == ()
    assert len(section.contrasts) == 1


def test_blocks_that_were_added_until_something_was_seen_are_not_pooled():
    row = pooled(fleet(even(0.8), stopping=Stopping("verdict")))
    assert row.verdict == "EXPLORATORY"
    assert "--until" in row.reason


def test_a_quick_session_has_no_verdict_over_machines():
    row = pooled(fleet(even(0.8), dataset="mnist-quick"))
    assert row.verdict == "EXPLORATORY"
    assert "--quick" in row.reason


def too_full(*hosts):
    """Spoil machines: others kept a core busy in the whole of every epoch."""

    def spoil(record):
        if record.machine.host not in hosts:
            return [record]
        busy = tuple(
            msgspec.structs.replace(one, foreign_cpu_fraction=0.5) for one in record.epochs
        )
        return [msgspec.structs.replace(record, epochs=busy)]

    return spoil


def test_a_machine_that_was_too_full_is_left_out():
    row = pooled(fleet(even(0.8, machines=6), spoil=too_full("node0")))
    assert (row.verdict, row.machine_count) == ("FASTER", 5)
    assert row.left_out == ("machine node0 was too full",)
    many = pooled(fleet(even(0.8), spoil=too_full("node0", "node1")))
    assert many.verdict == "EXPLORATORY"
    assert "2 of 5 machines were too full" in many.reason
