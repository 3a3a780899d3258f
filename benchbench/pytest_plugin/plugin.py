"""The pytest plugin: the fixture `epoch_benchmark`, and rules for comparing its benchmarks.

pytest imports this file at every start in an environment that has benchbench: it imports nothing
heavy, and without pytest-benchmark it does nothing.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

from benchbench.errors import UsageError
from benchbench.pytest_plugin.judgement import FAIL_RATIO
from benchbench.quantities import fraction


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("benchbench").addoption(
        FAIL_RATIO,
        metavar="FRACTION",
        help="with --benchmark-compare: fail if an epoch benchmark's ratio to the calibration has "
        "grown by more than this, such as 10%% or 0.1",
    )


def pytest_configure(config: pytest.Config) -> None:
    asked = config.getoption(FAIL_RATIO)
    try:
        allowed = None if asked is None else fraction(asked, FAIL_RATIO)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    # A hook of pytest-benchmark's, whatever name its plugin goes by.
    if hasattr(config.hook, "pytest_benchmark_update_json"):
        from benchbench.pytest_plugin.regression import Regression

        config.pluginmanager.register(Regression(config, allowed), "benchbench-regression")
    elif allowed is not None:
        raise pytest.UsageError(
            f"{FAIL_RATIO} needs pytest-benchmark: pip install pytest-benchmark"
        )
    else:
        config.pluginmanager.register(_WithoutBenchmark(), "benchbench-regression")


class _WithoutBenchmark:
    """Says what is missing to a test that asks for the fixture."""

    @pytest.fixture
    def epoch_benchmark(self) -> NoReturn:
        """Time an epoch slice (needs pytest-benchmark)."""
        pytest.fail("epoch_benchmark needs pytest-benchmark: pip install pytest-benchmark")
