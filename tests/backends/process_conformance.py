"""The conformance suite and random specs on a backend that wants a process of its own.

Keras fixes its engine at import, and XLA reads its flags then. `own_process.py` runs this, a
process a division: to start one takes up to ten seconds.

By hand: `BACKEND_UNDER_TEST=keras-torch python -m pytest tests/backends/process_conformance.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from backends.sequence_tests import PlainEmbeddingTests, SequenceTests

from benchbench.certify.exercise import SATURATED
from benchbench.plugins.registry import load_registry
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing import BackendConformance

BACKEND = os.environ.get("BACKEND_UNDER_TEST", "keras")
DEVICE = os.environ.get("DEVICE_UNDER_TEST", "cpu")


class ProcessConformance(PlainEmbeddingTests, SequenceTests, BackendConformance):
    backend = BACKEND
    device = DEVICE

    @pytest.fixture(autouse=True)
    def _few_starts(self, exhaustive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Climb from where all acts: from each start everything is traced or compiled anew."""
        if not exhaustive:
            monkeypatch.setattr(type(self), "_starts", (SATURATED,))

    def test_random_specs_hold(self, tmp_path: Path, exhaustive: bool, capfd) -> None:
        from fuzzer import Cell, Fuzzer

        if self.backend == "jax" and not exhaustive:
            pytest.skip("compiling takes long: runs with --exhaustive")
        # The first that is drawn is the smallest that there is.
        specs = range(10) if exhaustive else range(1, 2)
        cell = Cell(self.backend, self.division, self.device, tmp_path)
        broken = Fuzzer(cell, quick=not exhaustive).fuzz(specs.stop, 0, specs)
        said = capfd.readouterr()
        assert not broken, said.err
        tried, skipped, _uncertified, failures = map(int, said.out.split())
        assert (tried, failures) == (len(specs), 0)
        if self.division != "tuned":
            assert skipped == 0, "every layer of the spec is supported"


class TestIdiomatic(ProcessConformance): ...


DIVISIONS = load_registry().backend(BACKEND).divisions

if "tuned" in DIVISIONS:

    class TestTuned(ProcessConformance):
        division = "tuned"


if "compiled" in DIVISIONS:

    class TestCompiled(ProcessConformance):
        division = "compiled"

        def test_says_that_it_is_compiled(self) -> None:
            trainer = self.bare_trainer(self.some_model(), TrainingProtocol())
            assert trainer.settings()["jit_compile"] is True
