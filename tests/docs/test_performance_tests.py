"""The page on performance tests: its example runs, and it names every argument and figure."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from benchbench.pytest_plugin.epoch_benchmark import EpochBenchmark
from benchbench.pytest_plugin.judgement import FAIL_RATIO
from benchbench.pytest_plugin.measurement import MARK, EpochMeasurement

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "performance-tests.md").read_text()


def test_the_example_is_five_lines_and_runs(pytester):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 5
    asked = 'backend="torch", division="tuned"'
    assert asked in example
    pytester.makepyfile(example.replace(asked, 'backend="numpy", steps=2, rounds=3'))
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "name",
    [
        *list(inspect.signature(EpochBenchmark.__call__).parameters)[1:],
        *EpochMeasurement.__struct_encode_fields__,
        MARK,
    ],
)
def test_every_argument_and_every_figure_is_on_the_page(name):
    assert f"`{name}`" in PAGE


def test_the_gate_is_on_the_page():
    assert f"`{FAIL_RATIO}=" in PAGE
