"""The conformance suite that a backend's author subclasses, and what its tests are made of.

The pytest plugin lives here as well, and pytest imports it at every start: so the names below are
imported when somebody asks for them.
"""

from typing import TYPE_CHECKING

import pytest

# Before anything imports them, so that a failing assertion shows its values.
pytest.register_assert_rewrite(
    "benchbench.testing.certificate",
    "benchbench.testing.declaration",
    "benchbench.testing.forward",
    "benchbench.testing.order",
    "benchbench.testing.refusal",
    "benchbench.testing.training",
)

if TYPE_CHECKING:
    from benchbench.testing.conformance import BackendConformance
    from benchbench.testing.observer import RecordingObserver
    from benchbench.testing.ports import assert_same_training

__all__ = ["BackendConformance", "RecordingObserver", "assert_same_training"]


def __getattr__(name: str) -> object:
    if name == "BackendConformance":
        from benchbench.testing.conformance import BackendConformance

        return BackendConformance
    if name == "RecordingObserver":
        from benchbench.testing.observer import RecordingObserver

        return RecordingObserver
    if name == "assert_same_training":
        from benchbench.testing.ports import assert_same_training

        return assert_same_training
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
