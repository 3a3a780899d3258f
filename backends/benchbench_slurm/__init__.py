"""Slurm: `benchbench run --executor slurm --executor-options slurm.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import ExecutorInfo, hookimpl

if TYPE_CHECKING:
    from benchbench_slurm.engine import Slurm


@hookimpl
def benchbench_executors() -> list[ExecutorInfo]:
    """Offer blocks as the tasks of job arrays."""
    return [ExecutorInfo("slurm", _slurm)]


def _slurm() -> Slurm:
    from benchbench_slurm.engine import Slurm

    return Slurm()
