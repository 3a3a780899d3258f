"""The conformance suite on one of Keras's engines. `test_keras.py` runs it, a process an engine.

By hand: `KERAS_UNDER_TEST=keras-torch python -m pytest tests/backends/keras_conformance.py`.
"""

from __future__ import annotations

import os

from benchbench.testing import BackendConformance

BACKEND = os.environ.get("KERAS_UNDER_TEST", "keras")
DEVICE = os.environ.get("KERAS_DEVICE_UNDER_TEST", "cpu")


class TestIdiomatic(BackendConformance):
    backend = BACKEND
    device = DEVICE


if BACKEND == "keras":

    class TestTuned(BackendConformance):
        backend = BACKEND
        device = DEVICE
        division = "tuned"
