"""The NumPy backends conform."""

from __future__ import annotations

from benchbench.testing import BackendConformance


class TestNumpy(BackendConformance):
    backend = "numpy"


class TestNumpyFloat64(BackendConformance):
    """The reference against itself: exact by construction, but for what it declares and tells."""

    backend = "numpy-float64"
