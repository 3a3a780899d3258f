"""`benchbench doctor`: facts, faults, noise; exit 1 if something is broken."""

import platform

import pytest

from benchbench.experiments.examination import Watched
from benchbench.measure.noise import summarise
from benchbench.report.doctor import threads

GOOD = """
import benchbench

class Swift(benchbench.Backend):
    def versions(self): return {}
    def devices(self): return ("cpu", "swift:0")
    def trainer(self, *arguments, **options): raise benchbench.Unsupported("not here")

@benchbench.hookimpl
def benchbench_backends():
    return [benchbench.BackendInfo("swift", (), Swift, removes=("SWIFT_SHORTCUT",))]
"""


@pytest.fixture(autouse=True)
def only_swift(install, monkeypatch):
    """Leave the frameworks out: importing them takes the time of a hundred tests."""
    install("swift-plugin", GOOD)
    monkeypatch.setenv("BENCHBENCH_DISABLE", "torch, keras, numpy")


def test_a_sound_installation(benchbench, monkeypatch):
    monkeypatch.setenv("SWIFT_SHORTCUT", "1")
    answer = benchbench("doctor", "--noise", "0")
    assert answer.exit_code == 0, answer.stdout
    for said in (
        platform.python_version(),
        "benchbench-harness",
        "msgspec",
        "physical cores",
        "cpu, swift:0",
        "SWIFT_SHORTCUT",
        "benchbench's cache",
        "disabled by BENCHBENCH_DISABLE",
        "nothing is broken",
    ):
        assert said in answer.stdout, said
    assert "verdict" not in answer.stdout


def test_a_quarantined_plugin_is_broken(benchbench, install):
    install("broken-plugin", "raise ValueError('half made')")
    answer = benchbench("doctor", "--noise", "0")
    assert answer.exit_code == 1
    assert "ValueError: half made" in answer.stdout
    assert "broken: the plugin 'broken-plugin' is quarantined" in answer.stdout


def test_a_backend_that_does_not_come_up_is_broken(benchbench, install):
    install("dud-plugin", GOOD.replace('"swift", (), Swift', '"dud", (), lambda: 1 / 0'))
    answer = benchbench("doctor", "--noise", "0")
    assert answer.exit_code == 1
    assert "ZeroDivisionError" in answer.stdout
    assert "broken: the backend 'dud' is broken" in answer.stdout


def test_the_noise_reading_ends_in_a_sentence(benchbench):
    answer = benchbench("doctor", "--noise", "0.2")
    assert "the same work took 1.00 to" in answer.stdout
    assert "watching the machine for 0.2 s" in answer.stderr


def test_negative_noise_is_refused(benchbench):
    assert benchbench("doctor", "--noise", "-1").exit_code == 2


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        (0.10, 0.06, "2 threads take 0.60 times the time of one"),
        (0.10, 0.40, "2 threads are 4.0 times slower than one right now: others have the cores"),
    ],
)
def test_it_says_whether_threads_wait_for_each_other(one, two, told):
    watched = Watched(summarise([two, two]), 2, one, 0.0, 0.5)
    assert told in threads(watched)
