"""`benchbench compare`, `run --until`, `selftest`: what a user sees, and what bad input gets."""

from __future__ import annotations

import json

import msgspec
import pytest
from makers import make_record

from benchbench.records import Stopping
from benchbench.run.store import Store, read


@pytest.fixture
def results(tmp_path):
    """Save three blocks of two uncertified cells; return the folder."""
    store = Store(tmp_path / "results")
    store.prepare()
    for block in range(3):
        for backend, factor in (("torch", 1.0), ("keras", 1.5)):
            store.save(
                make_record(
                    run_id=f"{block}-{backend}",
                    backend=backend,
                    block=block,
                    seed=block,
                    train_seconds=[factor * value for value in (2, 1, 1.01, 1)],
                )
            )
    return tmp_path / "results"


@pytest.fixture
def certified(monkeypatch):
    """Take every run for certified: certificates have tests of their own."""
    monkeypatch.setattr("benchbench.compare.model_runs.objection", lambda _: None)


def test_a_difference_is_said_in_a_sentence(benchbench, results, certified):
    answer = benchbench("compare", "--results", str(results), "--baseline", "keras")
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout.startswith("## mnist on cpu")
    assert (
        "- On deeper-cnn, torch trains an epoch 1.50 times faster than keras (95 % interval 1.50 "
        "to 1.50, 3 blocks); both train the same function.\n" in answer.stdout
    )
    (row,) = [line for line in answer.stdout.splitlines() if "| torch " in line]
    assert "0.667 (0.667-0.667)" in row
    assert "FASTER" in row


def test_json_holds_what_the_table_holds(benchbench, results, certified):
    arguments = ("compare", "--results", str(results), "--format", "json", "--margin")
    answer = benchbench(*arguments, "0.6")
    (section,) = json.loads(answer.stdout)["sections"]
    (contrast,) = section["contrasts"]
    assert contrast["steady"]["ratio"] == pytest.approx(2 / 3)
    assert contrast["verdict"] == "SAME", "half as long again is within a margin of 60 %"
    assert section["question"]["margin"] == 0.6
    assert {row["cell"]["backend"] for row in section["rows"]} == {"torch", "keras"}
    assert benchbench(*arguments, "60%").stdout == answer.stdout


def test_uncertified_cells_are_shown_and_not_compared(benchbench, results):
    answer = benchbench("compare", "--results", str(results))
    assert answer.exit_code == 0
    assert "Not comparable:" in answer.stdout
    assert "it was not certified (deeper-cnn: keras, torch)" in answer.stdout
    assert "FASTER" not in answer.stdout


def test_a_lost_block_keeps_the_verdict_back_unless_it_is_allowed(benchbench, results, certified):
    (results / "runs" / "1-torch.json").unlink()
    answer = benchbench("compare", "--results", str(results), "--baseline", "keras")
    assert answer.exit_code == 0
    assert "FASTER" not in answer.stdout
    assert "block 1: torch idiomatic has no run" in answer.stdout
    allowed = benchbench(
        *("compare", "--results", str(results), "--baseline", "keras", "--allow-lost-blocks")
    )
    assert "FASTER" in allowed.stdout
    assert "Lost blocks, left out of the verdicts (--allow-lost-blocks):" in allowed.stdout


def test_one_backend_has_nothing_to_be_compared_with(benchbench, results, certified):
    for path in (results / "runs").glob("*keras*"):
        path.unlink()
    answer = benchbench("compare", "--results", str(results))
    assert answer.exit_code == 0
    assert "nothing else here may be compared with it (deeper-cnn: torch)" in answer.stdout


BAD = {
    "no fraction": (("--margin", "a lot"), "--margin a lot: give a fraction"),
    "negative": (("--margin", "-1%"), "--margin -1%: give a fraction"),
    "sure": (("--confidence", "100%"), "--confidence 100%: give a fraction"),
    "unknown baseline": (("--baseline", "torhc"), "did you mean 'torch'?"),
    "unknown session": (("--session", "other"), "there is no session 'other'"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input(benchbench, results, arguments, message):
    answer = benchbench("compare", "--results", str(results), *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr


def test_no_records(benchbench, tmp_path):
    answer = benchbench("compare", "--results", str(tmp_path))
    assert answer.exit_code == 2
    assert "there are no records" in answer.stderr


def test_an_unreadable_record_is_skipped_counted_kept_and_fails_under_strict(
    benchbench, results, certified
):
    torn = results / "runs" / "torn.json"
    torn.write_text('{"schema": 1, "run_id"')
    answer = benchbench("compare", "--results", str(results))
    assert answer.exit_code == 0
    assert "torn.json" in answer.stderr
    assert "1 of 7 skipped" in answer.stderr
    assert "FASTER" in answer.stdout or "SLOWER" in answer.stdout
    strict = benchbench("compare", "--results", str(results), "--strict")
    assert strict.exit_code == 1
    assert torn.exists()


@pytest.mark.exhaustive
def test_run_goes_on_until_the_intervals_are_narrow(command):
    done = command.run("slow", "--backend", "slow-too", "--until", "50%", "--epochs", "3")
    assert done.returncode == 0, done.stderr
    assert "5 of 5 blocks of the pilot" not in done.stderr
    blocks = {record.block for record in command.records()}
    assert blocks == set(range(max(5, len(blocks)))), "five at least, and more on a busy machine"
    assert len({record.session_id for record in command.records()}) == 1
    assert "The scatter of the first 5 blocks settled their number" in done.stdout


def test_run_adds_blocks_until_the_budget_is_spent_and_the_records_say_by_which_rule(command):
    done = command.run(
        *("slow", "--backend", "slow-too", "--until", "verdict", "--budget", "1s"),
        *("--epochs", "2"),
    )
    assert "block 2: " in done.stderr
    assert {record.stopping for record in command.records()} == {Stopping("verdict")}
    assert len(command.records()) == 6, "three blocks at least"


def test_run_stops_where_more_blocks_would_not_help(command):
    done = command.run("slow", "--backend", "raises", "--until", "50%", "--epochs", "2")
    assert done.returncode == 1
    assert "a cell has no ratio even now" in done.stderr
    assert len(command.records()) == 2, "a block, and not half an hour of them"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--until", "2%"), "--until needs two cells of a model"),
        (("--until", "0"), "--until 0: give a fraction"),
        (("--backend", "slow-too", "--until", "2%", "--budget", "soon"), "--budget soon: give"),
        (("--blocks", "0"), "blocks"),
        (("--backend", "slow-too", "--until", "2%", "--budget", ""), "--budget : give a time"),
        (("--wait-for-quiet", ""), "--wait-for-quiet : give a time"),
    ],
)
def test_until_what_makes_no_sense(command, arguments, message):
    done = command.run("slow", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (command.results / "runs").exists() or not command.records()


def test_a_self_test_compares_copies_and_says_what_it_found(command):
    """What it makes of times is for tests/compare: these depend on how busy the machine is."""
    done = command(
        *("selftest", "--backend", "slow", "--blocks", "2", "--repeats", "1", "--epochs", "2"),
        *("--slowdown", "50%", "--dataset", str(command.dataset)),
        *("--results", str(command.results), "--json"),
    )
    found = json.loads(done.stdout)
    same, slowed = found["trials"]
    assert (same["slowdown"], slowed["slowdown"]) == (0, 0.5)
    assert slowed["ratio"] > 1.2
    assert sum(same["verdicts"].values()) == sum(slowed["verdicts"].values()) == 1
    false_alarms = same["verdicts"]["SLOWER"] + same["verdicts"]["FASTER"]
    assert done.returncode == found["false_alarms"] == false_alarms, done.stderr
    records, _ = read(command.results)
    assert len(records) == 6
    assert {record.uncertified for record in records} == {
        "a self-test compares a backend with itself"
    }
    assert all(msgspec.structs.asdict(record)["certificate"] is None for record in records)


def test_a_self_test_is_of_one_division(command):
    done = command("selftest", "--backend", "slow", "--slowdown", "a bit")
    assert done.returncode == 2
    assert "--slowdown a bit: give a fraction" in done.stderr
