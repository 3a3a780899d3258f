"""The backend under test, from the registry, and what it is asked to do."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import ClassVar, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from benchbench.certify.rows import as_row
from benchbench.data.dataset import Split
from benchbench.errors import Unsupported
from benchbench.plugins.contract import Backend, BackendInfo, Trainer
from benchbench.plugins.registry import (
    Registry,
    install_command,
    load_registry,
    missing_requirements,
)
from benchbench.spec.initial import initial_variables
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import CATALOG, ODD_MODELS, takes_each_model
from benchbench.testing.observer import RecordingObserver
from benchbench.testing.outcomes import refusal


@dataclass(frozen=True)
class Trained:
    """What came of one `fit`: the change of all parameters as one row, and what was observed."""

    update: npt.NDArray[np.float64]
    observer: RecordingObserver


class Subject:
    """The backend under test. A subclass names it; the tests get their trainers here."""

    backend: ClassVar[str]
    division: ClassVar[str] = "idiomatic"
    device: ClassVar[str] = "cpu"
    threads: ClassVar[int] = 1
    protocol: ClassVar[TrainingProtocol | None] = None
    models: ClassVar[tuple[ModelSpec, ...]] = ()
    expected_failures: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for test in cls.expected_failures:
            if not hasattr(cls, test.partition("[")[0]):
                raise ValueError(f"{cls.__name__}.expected_failures names no test: '{test}'")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give the tests that are marked by `each_model` the models of the class."""
        if takes_each_model(metafunc.function):
            models = self.models or (*CATALOG, *ODD_MODELS)
            metafunc.parametrize("model", models, ids=[model.name for model in models])

    @pytest.fixture(autouse=True)
    def _mark_expected_failure(self, request: pytest.FixtureRequest) -> None:
        for name in (request.node.name, request.node.originalname):
            if name in self.expected_failures:
                reason = self.expected_failures[name]
                request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))

    def info(self) -> BackendInfo:
        """Return the backend's declaration."""
        return declared(self.backend)

    def created(self) -> Backend:
        """Return the backend, imported once; skip the test where its framework is missing."""
        return ready(self.info())

    def bare_trainer(
        self, model: ModelSpec, protocol: TrainingProtocol, *, seed: int = 0
    ) -> Trainer:
        """Return a trainer as the backend makes it. Raises Unsupported."""
        return self.created().trainer(
            model,
            protocol,
            device=self.device,
            division=self.division,
            threads=self.threads,
            seed=seed,
        )

    def skip_refused(self, what: str, answer: object) -> NoReturn:
        """Skip the test: the backend does not do `what`, as its `answer` says."""
        pytest.skip(refusal(self.backend, what, str(answer)))

    def some_model(self) -> ModelSpec:
        """Return the first model of the catalog that the backend does, or else of the class.

        Fails where there is none.
        """
        own = [one for one in self.models if one.output_activation == "softmax"]
        for model in (*CATALOG, *own):
            try:
                self.bare_trainer(model, TrainingProtocol())
            except Unsupported:
                continue
            return model
        raise AssertionError(f"{self.backend} does none of the catalog's models on {self.device}")

    def trainer(
        self, model: ModelSpec, protocol: TrainingProtocol, *, seed: int = 0, scale: float = 1
    ) -> Trainer:
        """Return a trainer with the first weights, `scale` times as large.

        Skips the test where the backend says that it does not do this model.
        """
        try:
            trainer = self.bare_trainer(model, protocol, seed=seed)
        except Unsupported as answer:
            self.skip_refused(model.name, answer)
        trainer.set_variables(first_weights(model, scale=scale))
        return trainer

    def fit(
        self,
        model: ModelSpec,
        protocol: TrainingProtocol,
        train: Split,
        validation: Split,
        *,
        seed: int = 0,
        scale: float = 1,
    ) -> Trained:
        """Train from the first weights."""
        trainer = self.trainer(model, protocol, seed=seed, scale=scale)
        observer = RecordingObserver()
        trainer.fit(train, validation, observer)
        trainer.synchronize()
        first = as_row(first_weights(model, scale=scale))
        return Trained(as_row(trainer.variables()) - first, observer)


def first_weights(model: ModelSpec, *, scale: float = 1) -> list[npt.NDArray[np.float32]]:
    """Return the first weights of seed 0, `scale` times as large."""
    return [array * np.float32(scale) for array in initial_variables(model, 0)]


def ready(info: BackendInfo) -> Backend:
    """Return the backend, imported once; skip the test where its framework is missing."""
    if missing := missing_requirements(info):
        pytest.skip(f"{info.name} needs {', '.join(missing)}: {install_command(info)}")
    return _create(info)


def created(name: str) -> Backend:
    """Return the backend of this name, imported once."""
    return _create(declared(name))


def declared(name: str) -> BackendInfo:
    """Return the declaration of the backend of this name."""
    return _registry().backend(name)


@functools.cache
def _registry() -> Registry:
    return load_registry()


@functools.cache
def _create(info: BackendInfo) -> Backend:
    # The worker's process, and that of `conform`, have it from their start; here there is no folder
    # of the run's own.
    for name, value in info.environment:
        if "{home}" not in value and not (name in os.environ and "{threads}" in value):
            os.environ[name] = value.replace("{threads}", "1")
    return info.create()
