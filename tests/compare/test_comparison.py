"""From a folder of records to what may be compared, and why the rest may not."""

from __future__ import annotations

import random

import msgspec
import pytest

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import CellName, Question
from benchbench.errors import UsageError
from benchbench.records import Check

QUESTION = Question()
FAST, SLOW = [(2, 1, 1.01, 1)] * 3, [(3, 1.5, 1.5, 1.52)] * 3


def one_section(records, **options):
    (section,) = compare(records, QUESTION, certified=False, **options)
    return section


def reasons(section):
    return {str(row.cell): row.reason for row in section.not_comparable}


def test_every_cell_is_compared_with_the_baseline(make_runs):
    records = make_runs("torch", FAST) + make_runs("keras", SLOW) + make_runs("numpy", SLOW)
    section = one_section(records, baseline=Baseline("keras"))
    assert {str(row.cell): row.verdict for row in section.contrasts} == {
        "torch idiomatic": "FASTER",
        "numpy idiomatic": "SAME",
    }
    assert {row.baseline for row in section.contrasts} == {CellName("keras", "idiomatic")}
    assert not section.not_comparable


def test_the_order_of_the_records_means_nothing(make_runs):
    records = make_runs("torch", FAST) + make_runs("keras", SLOW)
    records += make_runs("numpy", SLOW, session="s0", started="2025-01-01T00:00:00Z")
    shuffled = random.Random(1).sample(records, len(records))
    assert compare(shuffled, QUESTION) == compare(records, QUESTION)


def test_without_certificates_nothing_is_compared(make_runs):
    (section,) = compare(make_runs("torch", FAST) + make_runs("keras", SLOW), QUESTION)
    assert section.contrasts == ()
    assert set(reasons(section)) == {"torch idiomatic", "keras idiomatic"}
    assert "not certified" in reasons(section)["torch idiomatic"]
    assert [time.run_count for time in section.cells] == [3, 3], "shown all the same"


APART = {
    "another session": {"session": "s0", "started": "2025-01-01T00:00:00Z"},
    "another spec": {"spec_sha256": "e" * 64},
    "other data": {"dataset_sha256": "e" * 64},
    "4800 images": {"train_image_count": 4800},
}


@pytest.mark.parametrize(("told", "changes"), APART.items(), ids=APART)
def test_what_did_not_run_alike_is_listed_with_the_reason(make_runs, told, changes):
    records = make_runs("torch", FAST) + make_runs("keras", SLOW)
    section = one_section(records + make_runs("numpy", SLOW, **changes))
    assert told in reasons(section)["numpy idiomatic"]
    assert len(section.contrasts) == 1


def test_other_data_sets_and_devices_are_sections_of_their_own(make_runs):
    records = make_runs("torch", FAST) + make_runs("keras", SLOW)
    records += make_runs("torch", FAST, dataset="digits", session="s2")
    records += make_runs("torch", FAST, device="cuda:0", session="s3")
    sections = compare(records, QUESTION, certified=False)
    assert [(one.dataset, one.device) for one in sections] == [
        ("digits", "cpu"),
        ("mnist", "cpu"),
        ("mnist", "cuda:0"),
    ]
    assert "nothing else here" in reasons(sections[0])["torch idiomatic"]


def test_the_latest_session_with_two_cells_is_the_one(make_runs):
    old = {"session": "s0", "started": "2025-01-01T00:00:00Z"}
    alone = {"session": "s9", "started": "2027-01-01T00:00:00Z"}
    records = make_runs("torch", SLOW, **old) + make_runs("keras", SLOW, **old)
    records += make_runs("torch", FAST) + make_runs("keras", SLOW)
    section = one_section(records + make_runs("torch", SLOW, **alone))
    assert section.sessions == {"deeper-cnn": "s1"}
    assert section.contrasts[0].verdict != "SAME", "these are the times of the old session"


def test_a_cell_without_a_good_run_says_how_it_ended(make_runs):
    failed = [
        msgspec.structs.replace(run, status="oom", error="no more", epochs=())
        for run in make_runs("numpy", SLOW)
    ]
    section = one_section(make_runs("torch", FAST) + make_runs("keras", SLOW) + failed)
    assert reasons(section)["numpy idiomatic"] == "none of its runs succeeded: oom, no more"


def test_a_backend_alone_is_its_idiomatic_division(make_runs):
    records = make_runs("torch", FAST) + make_runs("torch", FAST, division="tuned")
    cells = {CellName("torch", "idiomatic"), CellName("torch", "tuned")}
    assert Baseline("Torch").among(cells) == CellName("torch", "idiomatic")
    for spelled in ("torch tuned", "torch-tuned"):
        assert Baseline(spelled).among(cells) == CellName("torch", "tuned")
    with pytest.raises(UsageError, match="did you mean 'torch'"):
        compare(records, QUESTION, Baseline("torhc"))


def test_accuracies_are_over_seeds_and_tested_against_the_reference(make_runs):
    records = make_runs("torch", FAST) + make_runs("numpy", SLOW) + make_runs("cheat", SLOW)
    for number, record in enumerate(records):
        accuracy = 0.98 + 0.0001 * record.seed + (0.01 if record.backend == "cheat" else 0)
        score = msgspec.structs.replace(record.test, accuracy=accuracy)
        records[number] = msgspec.structs.replace(record, test=score)
    broken = Check("parameter count", False, "1", "2")
    records.append(msgspec.structs.replace(records[0], run_id="x", seed=9, checks=(broken,)))
    found = {one.cell.backend: one for one in one_section(records).accuracies}
    assert (found["torch"].seeds, found["torch"].mean) == (3, pytest.approx(0.9801))
    assert found["torch"].sd == pytest.approx(0.0001)
    assert found["torch"].outcome.verdict == "EQUIVALENT"
    assert found["cheat"].outcome.verdict == "TOO GOOD"
    assert found["numpy"].outcome is None


def test_another_thread_budget_is_a_section_of_its_own(make_runs):
    """Its title says the budget, so no section may hold two."""
    records = make_runs("torch", FAST) + make_runs("keras", SLOW)
    single = [
        msgspec.structs.replace(
            record, run_id=f"{record.run_id}-1", session_id="another", threads=1, model="two-layer"
        )
        for record in records
    ]
    sections = compare([*single, *records], QUESTION, certified=False)
    assert [(section.threads, len(section.contrasts)) for section in sections] == [
        (1, 1),
        (records[0].threads, 1),
    ]
