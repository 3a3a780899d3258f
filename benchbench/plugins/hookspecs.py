"""The hooks a plugin may implement. Each is called once in a process that reads declarations or
runs the plugin, and never inside a timed region; declaring must not import a framework."""

from __future__ import annotations

import pluggy

from benchbench.data.dataset import DatasetInfo
from benchbench.plugins.contract import BackendInfo, ExecutorInfo
from benchbench.spec.model import ModelSpec

PROJECT = "benchbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def benchbench_backends() -> list[BackendInfo]:  # type: ignore[empty-body]
    """Return the backends this plugin offers."""


@hookspec
def benchbench_models() -> list[ModelSpec]:  # type: ignore[empty-body]
    """Return the models this plugin adds to the catalog."""


@hookspec
def benchbench_datasets() -> list[DatasetInfo]:  # type: ignore[empty-body]
    """Return the data sets this plugin offers."""


@hookspec
def benchbench_executors() -> list[ExecutorInfo]:  # type: ignore[empty-body]
    """Return the executors this plugin offers: ways to run blocks elsewhere."""
