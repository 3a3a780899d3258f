"""The runs that pytest-benchmark has saved in files, as far as epoch benchmarks are in them.

pytest-benchmark itself passes over a file that it cannot read, and takes an older one for the
latest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchbench.errors import StoreError
from benchbench.pytest_plugin.measurement import EpochMeasurement, measurement_of

if TYPE_CHECKING:
    from pytest_benchmark.session import BenchmarkSession

# What pytest-benchmark calls its own files.
_NUMBERED = "[0-9][0-9][0-9][0-9]_"


@dataclass(frozen=True)
class SavedRun:
    """The epoch benchmarks of one saved run, by pytest's name for the test."""

    name: str
    measurements: Mapping[str, EpochMeasurement]


def compared_runs(session: BenchmarkSession) -> list[SavedRun]:
    """Return the runs that this one is to be compared with.

    Raises StoreError for a file that is not whole, and where the named one is not there.
    """
    latest = session.compare is True
    files = _files(session, _NUMBERED if latest else session.compare) if session.compare else []
    if session.compare and not latest and not files:
        raise StoreError(
            f"expected a saved run '{session.compare}' to compare with, but there is none in "
            f"{session.storage}; `pytest-benchmark list` names what is there"
        )
    return [_read(path) for path in (files[-1:] if latest else files)]


def saved_runs(session: BenchmarkSession) -> list[SavedRun]:
    """Return the runs that were saved, oldest first, without those that cannot be read."""
    found = []
    for path in _files(session, _NUMBERED):
        with suppress(StoreError):
            found.append(_read(path))
    return found


def _files(session: BenchmarkSession, name: str) -> list[Path]:
    query = getattr(session.storage, "query", None)  # Elasticsearch has none
    return list(query(name)) if query else []


def _read(path: Path) -> SavedRun:
    """Pick the epoch benchmarks out of a saved run's. Raises StoreError for one unreadable."""
    try:
        saved = json.loads(path.read_text("utf8"))["benchmarks"]
        found = {one["fullname"]: measurement_of(one.get("extra_info") or {}) for one in saved}
    except (OSError, ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise StoreError(
            f"the baseline {path} cannot be read ({type(error).__name__}: {error}): it is cut "
            f"short, or of another version of benchbench; restore it, or delete it and save a new "
            f"one: run without --benchmark-compare"
        ) from None
    if not found:
        raise StoreError(
            f"the baseline {path} holds no benchmark at all: restore it, or delete it and compare "
            f"with another"
        )
    return SavedRun(path.name, {test: one for test, one in found.items() if one})
