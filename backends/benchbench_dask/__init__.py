"""Dask: `benchbench run --executor dask --executor-options tcp://scheduler:8786`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import ExecutorInfo, hookimpl

if TYPE_CHECKING:
    from benchbench_dask.engine import Dask


@hookimpl
def benchbench_executors() -> list[ExecutorInfo]:
    """Offer blocks as tasks of a Dask cluster."""
    return [ExecutorInfo("dask", _dask)]


def _dask() -> Dask:
    from benchbench_dask.engine import Dask

    return Dask()
