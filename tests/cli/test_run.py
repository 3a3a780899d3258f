"""`benchbench run`: what a user sees, and what bad input gets."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest
from waiting import PATIENCE_SECONDS

from benchbench import __version__


def test_one_run_prints_its_table_its_record_and_how_to_see_it_again(command):
    done = command.run("null")
    assert done.returncode == 0, done.stderr
    record = command.record()
    for words in (
        "single-layer",
        "7,850",
        "null",
        "idiomatic",
        "cpu",
        "steady epoch",
        "test metric",
    ):
        assert words in done.stdout
    for check in record.checks:
        assert check.name in done.stdout
    assert f"{record.run_id}.json" in done.stdout
    assert record.versions == {"misfits": __version__}
    assert record.settings == {"work": "none", "rate": "0.5"}
    (again,) = [line for line in done.stdout.splitlines() if line.startswith("again:")]
    shown = command.by_hand(*again.split()[2:])
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == done.stdout.partition("\n\nrecord:")[0].strip()


def test_several_runs_print_what_report_and_compare_print_again(command):
    models = ("--model", "single-layer", "--model", "two-layer")
    done = command.run("null", "--backend", "slow", *models, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    (again,) = [line for line in done.stdout.splitlines() if line.startswith("again:")]
    assert "benchbench compare" in again
    table = command(*again.split()[2:]).stdout.strip()
    assert done.stdout.partition("\n\n```\nrecords:")[0].strip() == table
    assert "details: benchbench report" in done.stdout
    assert "4 runs in 2 groups" in done.stderr


def test_json_prints_the_records_and_nothing_else(command):
    done = command.run("null", "--json")
    (record,) = json.loads(done.stdout)
    assert record["run_id"] == command.record().run_id


def test_blocks_have_seeds_of_their_own(command):
    command.run("null", "--blocks", "3", "--seed", "5", "--epochs", "1")
    assert sorted((record.block, record.seed) for record in command.records()) == [
        (0, 5),
        (1, 6),
        (2, 7),
    ]


def test_a_model_from_a_file_is_trained(command, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ninput_shape = [28, 28, 1]\n'
        '[[layers]]\ntype = "Flatten"\n'
        '[[layers]]\ntype = "Dense"\nunits = 16\nactivation = "relu"\n'
        '[[layers]]\ntype = "Dense"\nunits = 10\nactivation = "softmax"\n'
    )
    done = command.run("numpy", "--model", str(path))
    assert done.returncode == 0, done.stderr
    record = command.record()
    assert (record.model, record.parameter_count) == ("mine", 784 * 16 + 16 + 16 * 10 + 10)
    band = next(check for check in record.checks if check.name == "test metric")
    assert band.passed is None, "nobody measured a band for this model"


def test_a_protocol_from_a_file_is_followed(command, tmp_path):
    path = tmp_path / "short.toml"
    path.write_text("epochs = 3\nbatch_size = 500\n[optimizer]\ntype = 'Adam'\nepsilon = 1e-8\n")
    done = command(
        *("run", "--backend", "null", "--model", "single-layer", "--protocol", str(path)),
        *("--dataset", str(command.dataset), "--results", str(command.results), "--no-certify"),
    )
    assert done.returncode == 0, done.stderr
    assert len(command.record().epochs) == 3
    assert command.record().protocol.optimizer.epsilon == 1e-8


SPEC_WITH_A_LARGE_POOL = """name = "x"
input_shape = [28, 28, 1]

[[layers]]
type = "MaxPool2D"
pool_size = [29, 2]
"""

BAD = {
    "unknown backend": (["--backend", "nul"], 2, "no backend 'nul', did you mean 'null'?"),
    "unknown model": (["--model", "deper-cnn"], 2, "did you mean 'deeper-cnn'?"),
    "missing framework": (["--backend", "homeless"], 3, "pip install no-such-framework"),
    "division it lacks": (["--division", "tuned"], 2, "it has idiomatic"),
    "no such device": (["--device", "cuda"], 3, "it has cpu"),
    "unknown data set": (["--dataset", "minst"], 2, "did you mean 'mnist'?"),
    "no epochs": (["--epochs", "0"], 2, "0 is not in the range"),
    "no blocks": (["--blocks", "0"], 2, "0 is not in the range"),
    "too many threads": (["--threads", "9999"], 2, "give a number from 1 to"),
    "unknown division": (["--division", "best"], 2, "has no division 'best'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_was_expected_and_trains_nothing(command, case):
    arguments, code, message = BAD[case]
    done = command.run("null", *arguments)
    if "--backend" in arguments:
        done = command.run(arguments[1])
    assert (done.returncode, message in done.stderr + done.stdout) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert all(record.status == "skipped" for record in command.records())


def test_a_faulty_spec_file_is_refused_with_its_line(command, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(SPEC_WITH_A_LARGE_POOL)
    done = command.run("null", "--model", str(path))
    assert done.returncode == 2
    assert f"{path}, line 6: " in done.stderr
    assert "29x2 is larger than its input of 28x28" in done.stderr


def test_a_model_that_does_not_take_the_images_is_refused_before_training(command, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        'name = "small"\ninput_shape = [8, 8, 1]\nlayers = [\n  {type = "Flatten"},\n'
        '  {type = "Dense", units = 10, activation = "softmax"},\n]\n'
    )
    done = command.run("null", "--model", str(path))
    assert done.returncode == 2
    assert "(8, 8, 1)" in done.stderr
    assert "(28, 28, 1)" in done.stderr
    assert not command.records()


def test_results_that_cannot_be_written_are_found_before_training(command, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = command.run("hangs", "--results", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_a_bar_is_drawn_on_a_terminal_only(command):
    assert "\x1b" not in command.run("null").stderr
    leader, follower = os.openpty()
    process = command.start(
        *("run", "--backend", "slow", "--model", "single-layer", "--epochs", "3", "--no-certify"),
        *("--dataset", str(command.dataset), "--results", str(command.results)),
        stderr=follower,
    )
    os.close(follower)
    drawn = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while chunk := os.read(leader, 4096):
            drawn += chunk
    os.close(leader)
    process.communicate(timeout=PATIENCE_SECONDS)
    text = drawn.decode()
    assert "single-layer  slow idiomatic" in text
    assert "3/3" in text
    assert "loss 1.0000, validated 0." in text


def test_help_is_quick_to_import(command):
    code = (
        "import sys, benchbench.cli.main; "
        "heavy = {'numpy', 'pandas', 'scipy', 'torch', 'keras', 'rich'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
