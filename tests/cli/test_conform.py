"""`benchbench conform`: what a plugin's author sees, and what cannot be hidden from it."""

from __future__ import annotations

import json
import signal
import sys

import psutil
import pytest
from waiting import PATIENCE_SECONDS

from benchbench import __version__

QUICK = "declared or (probabilities and single-layer)"


def test_a_right_backend_conforms_and_the_table_folds_parameters(command):
    done = command("conform", "numpy", "-k", QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "## numpy, idiomatic, on cpu\n\n**passed**: 3 passed of the tests"
    )
    assert f"(benchbench {__version__}, numpy " in done.stdout
    rows = [line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith("|")]
    assert [[cell.strip() for cell in row] for row in rows[2:]] == [
        ["`test_is_declared`", "1 passed"],
        ["`test_predicts_probabilities`", "2 passed"],
    ]
    assert "testing numpy, idiomatic, on cpu" in done.stderr
    assert "test_predicts_probabilities: 2 passed" in done.stderr


def test_a_broken_backend_fails_and_the_broken_test_is_named_with_its_reason(command):
    done = command("conform", "null", "-k", "declared or lists_its_devices or four-times-single")
    assert done.returncode == 1
    assert "**did not pass**" in done.stdout
    (item,) = [line for line in done.stdout.splitlines() if line.startswith("- `test_is_decl")]
    assert "`requires` must name the distributions" in item
    assert "assert ()" in item, "the assertion's values are missing"
    assert "`test_lists_its_devices_the_cpu_first` | 1 passed" in done.stdout


def test_json_says_the_same_with_whole_reasons(command):
    done = command("conform", "null", "--json", "-k", "declared or lists_its_devices")
    assert done.returncode == 1
    (answer,) = json.loads(done.stdout)
    assert answer["backend"] == "null"
    assert answer["division"] == "idiomatic"
    assert (answer["device"], answer["threads"]) == ("cpu", 1)
    assert answer["versions"] == {"misfits": __version__}
    assert answer["benchbench_version"] == __version__
    assert (answer["test_count"], answer["died"]) == (2, None)
    tests = {test["test"]: test for test in answer["tests"]}
    assert tests["test_is_declared"]["outcome"] == "failed"
    assert "`requires`" in tests["test_is_declared"]["reason"]
    assert tests["test_lists_its_devices_the_cpu_first"]["outcome"] == "passed"
    assert tests["test_lists_its_devices_the_cpu_first"]["reason"] is None


def test_a_model_that_it_does_not_do_is_skipped_with_the_reason(command):
    done = command("conform", "refuses", "-k", "predicts_probabilities and deeper")
    assert done.returncode == 0
    assert "- 2: refuses does not do deeper-cnn: there is no pool in this framework" in done.stdout


@pytest.mark.parametrize(
    ("misfit", "ending"),
    [
        ("dies", "its process was killed by signal 11 (SIGSEGV)"),
        ("exits", "its process ended with exit code 7"),
        ("scribbles", "its process wrote something that is not an event"),
    ],
)
def test_a_process_that_dies_is_reported_with_the_test_it_died_in(command, misfit, ending):
    tests = "lists_its_devices or tells_the_observer or validates_as"
    done = command("conform", misfit, "--json", "-k", tests)
    assert done.returncode == 1
    assert "the process died" in done.stderr
    (answer,) = json.loads(done.stdout)
    assert ending in answer["died"]
    assert answer["versions"] is None
    passed, failed = answer["tests"]
    assert passed["outcome"] == "passed"
    assert failed["test"] == "test_tells_the_observer_of_every_epoch_in_order"
    assert (failed["outcome"], failed["seconds"]) == ("failed", None)
    assert ending in failed["reason"]
    table = command("conform", misfit, "-k", tests).stdout
    assert f"Only 2 of 3 tests ran: {ending}" in table
    assert f" in {failed['test']}." in table


def test_a_crash_shows_where_it_was(command):
    done = command("conform", "dies", "-k", "tells_the_observer")
    assert "  test_tells_the_observer_of_every_epoch_in_order: died\n" in done.stderr
    assert "Segmentation fault" in done.stderr
    assert "misfits.py" in done.stderr


def test_a_backend_that_exits_fails_that_test_and_no_other(command):
    done = command("conform", "quits", "-k", "lists_its_devices or tells_the_obs or says_what")
    assert done.returncode == 1
    assert "SystemExit" in done.stdout
    assert "1 passed" in done.stdout


def test_ctrl_c_ends_the_process_that_tests(command):
    tests = "lists_its_devices or tells_the_observer"
    with command.start("conform", "hangs", "-k", tests) as running:
        while "test_lists" not in running.stderr.readline():
            assert running.poll() is None
        assert running.stderr.read(len("  test_tells")) == "  test_tells"
        started = psutil.Process(running.pid).children()
        (child,) = [one for one in started if "pytest" in one.cmdline()]
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=PATIENCE_SECONDS) == 130
        assert not child.is_running()
        assert not running.stdout.read()


def test_what_a_framework_prints_stays_out_of_the_answer(command):
    done = command("conform", "prints", "--json", "-k", "tells_the_observer")
    (answer,) = json.loads(done.stdout)
    assert [test["outcome"] for test in answer["tests"]] == ["passed"]
    assert "garbage" not in done.stderr


def test_models_of_one_s_own_take_the_place_of_the_catalog(command, tmp_path):
    mine = tmp_path / "my.toml"
    layers = '[[layers]]\ntype = "Flatten"\n[[layers]]\ntype = "Dense"\nunits = 2\n'
    mine.write_text(f'name = "my-values"\ninput_shape = [3, 4, 1]\n{layers}')
    tests = "predicts_probabilities or returns_the_parameters or (agrees_with and data)"
    done = command("conform", "numpy", "--model", str(mine), "--json", "-k", tests)
    assert done.returncode == 0, done.stdout + done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["models"] == ["my-values"]
    names = {test["test"] for test in answer["tests"]}
    assert names == {
        "test_predicts_probabilities[my-values-fresh]",
        "test_predicts_probabilities[my-values-four-times]",
        "test_returns_the_parameters_it_was_given[my-values]",
        "test_agrees_with_the_reference[my-values-data]",
    }


ENDS = """
import atexit, os
import benchbench, pytest

class Stops(benchbench.Backend):
    def versions(self):
        pytest.exit("enough", returncode=0)
    def devices(self):
        return ("cpu",)
    def trainer(self, *arguments, **options):
        raise benchbench.Unsupported("no")

class Aborts(Stops):
    def __init__(self):
        atexit.register(os.abort)
    def versions(self):
        return {"pytest": pytest.__version__}

@benchbench.hookimpl
def benchbench_backends():
    return [
        benchbench.BackendInfo("stops", ("pytest",), Stops),
        benchbench.BackendInfo("aborts", ("pytest",), Aborts),
    ]
"""


def test_a_backend_cannot_stop_the_suite_and_pass(install, command):
    install("ends-plugin", ENDS)
    done = command("conform", "stops", "-k", "declared or versions or lists_its_devices")
    assert done.returncode == 1
    assert "pytest gave up with exit code 0 in test_names_the_versions_at_work" in done.stdout


def test_a_process_that_dies_after_the_last_test_does_not_conform(install, command):
    install("ends-plugin", ENDS)
    done = command("conform", "aborts", "-k", "declared or lists_its_devices")
    assert done.returncode == 1
    assert "2 passed" in done.stdout
    assert "killed by signal 6 (SIGABRT) after the last test." in done.stdout


ENGINE = """
import os
import benchbench

class Steam(benchbench.Backend):
    divisions = ("idiomatic", "tuned")
    def versions(self):
        return {"pid": str(os.getpid()), "engine": os.environ["ENGINE"]}
    def devices(self):
        return ("cpu", "boiler:0")
    def trainer(self, *arguments, **options):
        raise benchbench.Unsupported("no steam \\udcff")

@benchbench.hookimpl
def benchbench_backends():
    return [
        benchbench.BackendInfo(
            "steam", ("numpy",), Steam, Steam.divisions, environment=(("ENGINE", "steam"),)
        )
    ]
"""


@pytest.fixture
def steam(install):
    """Install a backend of two divisions that sets a variable and does no model at all."""
    install("steam-plugin", ENGINE)


def test_each_division_has_a_process_with_the_backend_s_environment(steam, command):
    command.environment["ENGINE"] = "the user's"
    command.environment["PYTEST_ADDOPTS"] = "--collect-only"
    done = command("conform", "steam", "--json", "-k", "versions or probabilities")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert (first["division"], second["division"]) == ("idiomatic", "tuned")
    assert first["versions"]["engine"] == second["versions"]["engine"] == "steam"
    assert first["versions"]["pid"] != second["versions"]["pid"]
    assert first["tests"][0]["outcome"] == "passed"
    assert first["tests"][1]["reason"].endswith("no steam ?")


def test_one_division_can_be_chosen_and_another_device(steam, command):
    arguments = ("--division", "tuned", "--device", "boiler:0", "-k", "lists_its_devices")
    done = command("conform", "steam", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("## steam, tuned, on boiler:0\n")
    assert done.stdout.count("## ") == 1


BAD = {
    "unknown backend": (["nmupy"], 2, "no backend 'nmupy', did you mean 'numpy'?"),
    "missing framework": (["homeless"], 3, "pip install no-such-framework"),
    "division it lacks": (["null", "--division", "tuned"], 2, "it has idiomatic"),
    "device it lacks": (["null", "--device", "cuda"], 3, "it has cpu"),
    "no threads": (["null", "--threads", "0"], 2, "0 is not in the range"),
    "too many threads": (["null", "--threads", "9999"], 2, "give a number from 1 to"),
    "no such model": (["null", "--model", "singel-layer"], 2, "did you mean 'single-layer'?"),
    "no such file": (["null", "--model", "gone.toml"], 2, "cannot read the spec file gone.toml"),
    "no such test": (["null", "-k", "sings"], 2, "no test of the suite matches -k 'sings'"),
    "no expression": (["null", "-k", "a b ("], 2, "pytest does not take -k 'a b ('"),
    "an option for -k": (["null", "-k", "--co"], 2, "no test of the suite matches -k '--co'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_was_expected(command, case):
    arguments, code, message = BAD[case]
    done = command("conform", *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_without_pytest_it_says_how_to_get_it(benchbench, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    answer = benchbench("conform", "numpy")
    assert answer.exit_code == 3
    assert "pip install 'benchbench-harness[test]'" in answer.stderr
    assert not answer.stdout
