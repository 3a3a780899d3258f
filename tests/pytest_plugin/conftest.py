"""A suite of one test for the plugin, on a machine that is calm."""

from __future__ import annotations

import json

import pytest

from benchbench.pytest_plugin import epoch_benchmark

FIVE_LINES = """
from benchbench import Dense, Flatten, ModelSpec

def test_my_network(epoch_benchmark):
    model = ModelSpec("my-net", (28, 28, 1), (Flatten(), Dense(10, "softmax")))
    epoch_benchmark(model, {arguments})
"""

# The machine is as fast in every run, and so many steps are a slice: the clock is not the subject.
# What pytest-benchmark asks of the processor, whenever it saves or compares, takes seconds.
CALM = """
import dataclasses
import pytest
from {module} import train

def pytest_benchmark_generate_machine_info():
    return {{"machine": "calm"}}

@pytest.fixture(autouse=True)
def calm(monkeypatch):
    monkeypatch.setattr("{module}.calibrate", lambda threads: 0.1)
    monkeypatch.setattr("{module}.calibrated_steps", lambda *_: {steps})
    monkeypatch.setattr("{module}.train", made_up if {seconds} else train)

def made_up(*arguments, **options):
    trained = train(*arguments, **options)
    return dataclasses.replace(trained, epoch_seconds=({seconds},) * len(trained.epoch_seconds))
"""


@pytest.fixture(autouse=True)
def _timed_in_one_process(monkeypatch):
    """pytest-benchmark times nothing where it finds that tests run side by side."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


@pytest.fixture
def five_lines(pytester):
    """Write the five-line test, with these arguments."""
    return lambda arguments: pytester.makepyfile(test_mine=FIVE_LINES.format(arguments=arguments))


@pytest.fixture
def suite(pytester, five_lines):
    """Write the five-line test, with these arguments, for a machine that is calm."""

    def write(
        arguments: str = 'backend="numpy", rounds=3', *, steps: int = 2, seconds: float = 0.0
    ) -> None:
        """`seconds`: what the clock says of each epoch."""
        five_lines(arguments)
        # Imported by this file too: pytester forgets what a run in this process imports anew.
        calm = CALM.format(module=epoch_benchmark.__name__, steps=steps, seconds=seconds)
        pytester.makeconftest(calm)

    write()
    return write


@pytest.fixture
def run(pytester):
    return lambda *arguments: pytester.runpytest("-p", "no:cacheprovider", "-rs", *arguments)


@pytest.fixture
def saved(pytester):
    """Return the saved runs, the oldest first."""

    def read() -> list[dict]:
        files = sorted(pytester.path.glob(".benchmarks/*/*.json"))
        return [json.loads(file.read_text()) for file in files]

    return read
