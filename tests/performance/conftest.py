"""The benchmarks of this folder take minutes: they run where benchmarks are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    if config.getoption("benchmark_only", default=False):
        return
    skip = pytest.mark.skip(reason="a benchmark: runs with --benchmark-only, or tox -e perf")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)
