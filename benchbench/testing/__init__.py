"""The conformance suite that a backend's author subclasses, and what its tests are made of."""

import pytest

# Before the imports below, so that a failing assertion shows its values.
pytest.register_assert_rewrite(
    "benchbench.testing.certificate",
    "benchbench.testing.declaration",
    "benchbench.testing.forward",
    "benchbench.testing.training",
)

from benchbench.testing.conformance import BackendConformance  # noqa: E402
from benchbench.testing.observer import RecordingObserver  # noqa: E402

__all__ = ["BackendConformance", "RecordingObserver"]
