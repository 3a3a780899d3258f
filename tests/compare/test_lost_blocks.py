"""Every block counts: what is lost keeps a verdict back, wherever and however it was lost."""

from __future__ import annotations

import msgspec
import pytest

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.report import comparison
from benchbench.report.renderers import markdown

FAST, SLOW = [(2, 1, 1.01, 1)] * 4, [(3, 1.5, 1.5, 1.52)] * 4
QUESTION, ALLOWED = Question(), Question(allow_lost_blocks=True)


@pytest.fixture
def sessions(make_runs):
    """Make a session of three cells, whose times leave no doubt, for a test to spoil."""

    def _sessions(spoil):
        records = make_runs("torch", FAST) + make_runs("keras", SLOW) + make_runs("numpy", SLOW)
        for number, record in enumerate(records):
            # As the conductor has it: the runs of a block share their order, and no others do.
            records[number] = msgspec.structs.replace(record, order_seed=record.block)
        return [spoiled for record in records for spoiled in spoil(record)]

    return _sessions


def torch_rows(records, question=QUESTION):
    """Return the row of torch against keras, and the page that shows it."""
    sections = compare(records, question, Baseline("keras"), certified=False)
    (section,) = [one for one in sections if one.contrasts]
    (row,) = [row for row in section.contrasts if row.cell.backend == "torch"]
    return row, markdown.render(comparison.build(sections))


def ended(status, **changes):
    """Spoil the run of torch in block 2: it ended like this."""

    def _spoil(record):
        if (record.backend, record.block) == ("torch", 2):
            return [msgspec.structs.replace(record, status=status, error="no luck", **changes)]
        return [record]

    return _spoil


def missing(*lost):
    """Spoil these runs, pairs of backend and block: they were never recorded."""
    return lambda record: [] if (record.backend, record.block) in lost else [record]


def epoch(number, seconds):
    """Spoil one epoch of torch's run in block 2; None takes it away."""

    def _spoil(record):
        if (record.backend, record.block) != ("torch", 2):
            return [record]
        epochs = list(record.epochs)
        if seconds is None:
            del epochs[number - 1]
        else:
            epochs[number - 1] = msgspec.structs.replace(epochs[number - 1], train_seconds=seconds)
        return [msgspec.structs.replace(record, epochs=tuple(epochs))]

    return _spoil


def twice(record):
    """Spoil torch's block 2: it was run a second time."""
    again = msgspec.structs.replace(record, run_id=record.run_id + "-again")
    return [record, again] if (record.backend, record.block) == ("torch", 2) else [record]


def last_of_both_unbuilt(record):
    """Spoil the last block of torch and keras: neither came so far as to know its device."""
    if record.block == 3 and record.backend != "numpy":
        gone = {"status": "crashed", "error": "no luck", "device": None, "epochs": ()}
        return [msgspec.structs.replace(record, **gone)]
    return [record]


SPOILED = {
    "invalid": (ended("invalid"), "block 2: torch idiomatic is invalid: no luck"),
    "failed": (ended("failed", epochs=()), "block 2: torch idiomatic failed: no luck"),
    "skipped once": (ended("skipped", epochs=()), "block 2: torch idiomatic was skipped"),
    "before the device was known": (
        ended("crashed", epochs=(), device=None),
        "block 2: torch idiomatic crashed: no luck",
    ),
    "missing": (missing(("torch", 2)), "block 2: torch idiomatic has no run"),
    "the baseline's": (missing(("keras", 1)), "block 1: keras idiomatic has no run"),
    "of both": (missing(("torch", 1), ("keras", 1)), "block 1: keras idiomatic has no run"),
    "the first": (missing(("torch", 0)), "block 0: torch idiomatic has no run"),
    "the last, of both": (missing(("torch", 3), ("keras", 3)), "block 3: torch idiomatic has no"),
    "the last of both, unbuilt": (last_of_both_unbuilt, "block 3: keras idiomatic crashed"),
    "recorded twice": (twice, "block 2: torch idiomatic has 2 runs, expected one"),
    "a short epoch": (epoch(3, 0.0125), "epoch 3 trained for 0.0125 s"),
    "a short first epoch": (epoch(1, 0.0125), "epoch 1 trained for 0.0125 s"),
    "an epoch of no time": (epoch(4, 0.0), "epoch 4 trained for 0 s"),
    "an epoch less": (epoch(4, None), "it has 3 epochs, others of its session have 4"),
}


@pytest.mark.parametrize(("spoil", "told"), SPOILED.values(), ids=SPOILED)
def test_a_lost_block_keeps_the_verdict_back_and_is_named(sessions, spoil, told):
    row, page = torch_rows(sessions(spoil))
    assert row.verdict == "UNDECIDED"
    assert told in row.reason
    assert "--allow-lost-blocks" in row.reason
    assert told in page
    assert "times faster than" not in page.replace("numpy", "")


def with_further_epochs(record):
    """Have the blocks after the first train six epochs beyond the protocol's four."""
    further = 6 if record.block else 0
    epochs = record.epochs + 2 * record.epochs[1:] * bool(further)
    protocol = msgspec.structs.replace(record.protocol, epochs=4)
    return msgspec.structs.replace(record, protocol=protocol, further_epochs=further, epochs=epochs)


def all_cut(record):
    """Spoil block 2: all of its runs, and those of the others, end two epochs too soon."""
    if record.block:
        return [msgspec.structs.replace(record, epochs=record.epochs[:-2])]
    return [record]


LONGER = SPOILED | {
    "a short further epoch": (epoch(9, 0.0125), "epoch 9 trained for 0.0125 s"),
    "an epoch less": (epoch(10, None), "it has 9 epochs, others of its session have 10"),
    "all cut off": (all_cut, "it has 8 epochs, asked for were 10"),
}


@pytest.mark.parametrize(("spoil", "told"), LONGER.values(), ids=LONGER)
def test_it_is_the_same_with_epochs_beyond_the_protocols(sessions, spoil, told):
    records = sessions(lambda record: spoil(with_further_epochs(record)))
    row, page = torch_rows(records)
    assert row.verdict in {"UNDECIDED", "EXPLORATORY"}
    assert told in row.reason
    assert told in page
    allowed, _ = torch_rows(records, ALLOWED)
    assert allowed.left_out == row.left_out != ()


def test_blocks_of_several_lengths_have_their_verdict(sessions):
    row, _ = torch_rows(sessions(lambda record: [with_further_epochs(record)]))
    assert (row.verdict, row.left_out) == ("FASTER", ())
    assert row.steady.pair_count == 3 + 3 * 9


@pytest.mark.parametrize(("spoil", "told"), SPOILED.values(), ids=SPOILED)
def test_who_allows_lost_blocks_gets_a_verdict_and_reads_of_them(sessions, spoil, told):
    row, page = torch_rows(sessions(spoil), ALLOWED)
    assert row.verdict == "FASTER"
    assert row.steady.block_count == 3
    assert "lost blocks were left out" in row.reason
    assert "Lost blocks, left out of the verdicts (--allow-lost-blocks):" in page
    assert told in page


def test_a_whole_session_keeps_its_verdicts(sessions):
    row, page = torch_rows(sessions(lambda record: [record]))
    assert (row.verdict, row.left_out) == ("FASTER", ())
    assert "Lost blocks" not in page


def test_a_cell_that_is_skipped_throughout_costs_the_others_nothing(sessions):
    def spoil(record):
        skipped = msgspec.structs.replace(record, status="skipped", epochs=())
        return [skipped if record.backend == "numpy" else record]

    row, page = torch_rows(sessions(spoil))
    assert row.verdict == "FASTER"
    assert "numpy" not in page


def test_a_cell_that_loses_a_block_costs_other_pairs_nothing(sessions):
    row, _ = torch_rows(sessions(missing(("numpy", 2))))
    assert (row.verdict, row.left_out) == ("FASTER", ())


def test_blocks_that_ran_on_another_machine_are_not_lost(sessions):
    def spoil(record):
        other = msgspec.structs.replace(record.machine, processor="Another CPU")
        return [msgspec.structs.replace(record, machine=other) if record.block == 1 else record]

    sections = compare(sessions(spoil), Question(), Baseline("keras"), certified=False)
    assert [len(one.contrasts) for one in sections] == [2, 2]
    assert not any(row.left_out for one in sections for row in one.contrasts)


def test_a_last_block_that_was_interrupted_before_its_data_were_read_hides_no_other(sessions):
    """Its runs do not know how many images there were: all others seemed to differ in it."""

    def stopped(record):
        if record.block < 3:
            return [record]
        unknown = {"train_image_count": None, "epochs": ()}
        changes = {"status": "interrupted", "error": "interrupted by the user", **unknown}
        return [msgspec.structs.replace(record, started="2099-01-01T00:00:00Z", **changes)]

    row, page = torch_rows(sessions(stopped))
    assert row.steady.block_count == 3
    assert "block 3: torch" in page
    assert "none of its runs succeeded" not in page
