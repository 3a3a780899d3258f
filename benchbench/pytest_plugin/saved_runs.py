"""The runs that pytest-benchmark has saved, as far as epoch benchmarks are in them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import StoreError
from benchbench.pytest_plugin.baseline import SavedRun, read_baseline
from benchbench.pytest_plugin.fail_ratio import FAIL_RATIO

if TYPE_CHECKING:
    from pytest_benchmark.session import BenchmarkSession

# What pytest-benchmark calls its own files.
_NUMBERED = "[0-9][0-9][0-9][0-9]_"


def compared_baselines(session: BenchmarkSession, *, gated: bool) -> list[SavedRun]:
    """Return the runs that this one is to be compared with; `gated` if there must be one.

    pytest-benchmark passes over files that it cannot read, and takes an older one for the latest.
    Raises StoreError for a file that is not whole, and where nothing is there that was asked for.
    """
    if gated and not session.compare:
        raise StoreError(
            f"{FAIL_RATIO} compares with a saved run, but none was named: add --benchmark-compare "
            f"(the latest) or --benchmark-compare=0001"
        )
    loaded: dict[Path, dict[str, Any]] = session.compared_mapping or {}
    for path in _wanted(session):
        if not any(path.parts[-len(known.parts) :] == known.parts for known in loaded):
            raise StoreError(
                f"the baseline {path} is to be compared with, but cannot be read (truncated?): "
                f"restore it, or delete it and compare with another"
            )
    if isinstance(session.compare, str) and not loaded:
        raise StoreError(
            f"expected a saved run '{session.compare}' to compare with, but there is none in "
            f"{session.storage}; `pytest-benchmark list` names what is there"
        )
    baselines = []
    for name, benchmarks in loaded.items():
        if not benchmarks:
            raise StoreError(
                f"the baseline {name} holds no benchmark at all: restore it, or delete it and "
                f"compare with another"
            )
        baselines.append(read_baseline(str(name), benchmarks))
    if gated and not any(baseline.measurements for baseline in baselines):
        raise StoreError(
            f"{FAIL_RATIO} compares with a saved run, but no epoch benchmark is saved in "
            f"{session.storage}, or not in the run that was named; save one first: run with "
            f"--benchmark-autosave and without {FAIL_RATIO}"
        )
    return baselines


def latest_baseline(session: BenchmarkSession) -> SavedRun | None:
    """Return the run that was saved last; None without one, or if it cannot be read."""
    if not hasattr(session.storage, "query"):  # Elasticsearch
        return None
    runs: list[tuple[Path, dict[str, Any]]] = list(session.storage.load())
    with suppress(StoreError):
        for name, content in runs[-1:]:
            return read_baseline(str(name), {one["fullname"]: one for one in content["benchmarks"]})
    return None


def _wanted(session: BenchmarkSession) -> list[Path]:
    """Return the files that are to be compared with; none where runs are not kept in files."""
    if not session.compare or not hasattr(session.storage, "query"):
        return []
    files: list[Path] = session.storage.query(
        _NUMBERED if session.compare is True else session.compare
    )
    return files[-1:] if session.compare is True else files
