"""The pytest plugin: the fixture `epoch_benchmark`, and rules for comparing its benchmarks.

pytest imports this file at every start in an environment that has benchbench: it imports nothing
heavy, and without pytest-benchmark it does nothing.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

from benchbench.pytest_plugin.fail_ratio import FAIL_RATIO, fail_ratio


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("benchbench").addoption(
        FAIL_RATIO,
        metavar="FRACTION",
        type=fail_ratio,
        help="with --benchmark-compare: fail if an epoch benchmark's ratio to the calibration has "
        "grown by more than this, such as 10%% or 0.1",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A hook of pytest-benchmark's, whatever name its plugin goes by.
    if hasattr(config.hook, "pytest_benchmark_update_json"):
        from benchbench.pytest_plugin.regression import Regression

        config.pluginmanager.register(
            Regression(config, config.getoption(FAIL_RATIO)), "benchbench-regression"
        )
    elif config.getoption(FAIL_RATIO) is not None:
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
