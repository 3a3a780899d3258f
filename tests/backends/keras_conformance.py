"""The conformance suite and random specs on one of Keras's engines.

`test_keras.py` runs it, a process a division: to start one takes ten seconds.

By hand: `KERAS_UNDER_TEST=keras-torch python -m pytest tests/backends/keras_conformance.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchbench.testing import BackendConformance

BACKEND = os.environ.get("KERAS_UNDER_TEST", "keras")
DEVICE = os.environ.get("KERAS_DEVICE_UNDER_TEST", "cpu")


class KerasConformance(BackendConformance):
    backend = BACKEND
    device = DEVICE

    def test_random_specs_hold(self, tmp_path: Path, exhaustive: bool, capfd) -> None:
        from fuzzer import FEW, Cell, Fuzzer

        specs = 10 if exhaustive else FEW
        cell = Cell(self.backend, self.division, self.device, tmp_path)
        broken = Fuzzer(cell, quick=not exhaustive).fuzz(specs, 0, range(specs))
        said = capfd.readouterr()
        assert not broken, said.err
        assert said.out.split() == [str(specs), "0", "0"], "every layer of the spec is supported"


class TestIdiomatic(KerasConformance): ...


if BACKEND == "keras":

    class TestTuned(KerasConformance):
        division = "tuned"
