"""The simple questions: is it there, and is it what it says it is?"""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.errors import Unsupported
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import CATALOG, each_model
from benchbench.testing.subject import Subject, first_weights

PROTOCOL = TrainingProtocol(epochs=1, batch_size=32)
PLAIN = (str, int, float, bool)


class DeclarationTests(Subject):
    """Declaration, devices, divisions, parameters in and out."""

    def test_is_declared(self) -> None:
        info = self.info()
        assert info.name == self.backend
        assert info.requires, "`requires` must name the distributions that the backend needs"

    def test_offers_the_divisions_it_declares(self) -> None:
        assert self.created().divisions == self.info().divisions
        assert self.division in self.info().divisions

    def test_names_the_versions_at_work(self) -> None:
        versions = self.created().versions()
        assert versions
        assert all(versions.values()), f"a version is empty: {versions}"

    def test_lists_its_devices_the_cpu_first(self) -> None:
        devices = self.created().devices()
        assert devices[0] == "cpu"
        assert self.device in devices

    def test_refuses_an_unknown_device(self) -> None:
        self._assert_refused(device="abacus:0", division=self.division)

    def test_refuses_an_unknown_division(self) -> None:
        self._assert_refused(device=self.device, division="wishful")

    def _assert_refused(self, *, device: str, division: str) -> None:
        with pytest.raises(Unsupported) as refusal:
            self.created().trainer(
                self.some_model(),
                PROTOCOL,
                device=device,
                division=division,
                threads=self.threads,
                seed=0,
            )
        assert str(refusal.value), "Unsupported must say why"

    def test_trains_a_model_of_the_catalog(self) -> None:
        assert self.some_model() in (*CATALOG, *self.models)

    @each_model
    def test_returns_the_parameters_it_was_given(self, model: ModelSpec) -> None:
        """Exactly, in canonical order and layout: what was given is float32 already."""
        given = first_weights(model)
        returned = self.trainer(model, PROTOCOL).variables()
        assert tuple(array.shape for array in returned) == model.variable_shapes
        assert sum(array.size for array in returned) == model.parameter_count
        for index, (ours, theirs) in enumerate(zip(given, returned, strict=True)):
            np.testing.assert_array_equal(theirs, ours, f"parameter array {index} has changed")

    def test_returns_copies_of_the_parameters(self) -> None:
        trainer = self.trainer(self.some_model(), PROTOCOL)
        first = trainer.variables()
        kept = [array.copy() for array in first]
        for array in first:
            if array.flags.writeable:
                array[...] = 1
        for ours, theirs in zip(kept, trainer.variables(), strict=True):
            np.testing.assert_array_equal(
                theirs, ours, "`variables` must copy: writing to its arrays changed the model"
            )

    def test_says_what_really_ran(self) -> None:
        trainer = self.trainer(self.some_model(), PROTOCOL)
        settings = trainer.settings()
        assert settings
        assert all(isinstance(name, str) for name in settings)
        strange = {name: value for name, value in settings.items() if type(value) not in PLAIN}
        assert not strange, f"settings must be str, int, float or bool: {strange}"
        threads = settings.get("threads", self.threads)
        assert threads == self.threads, f"{self.threads} threads were asked for, not {threads}"
