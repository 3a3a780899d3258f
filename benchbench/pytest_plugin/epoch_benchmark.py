"""Time epochs of one network under pytest-benchmark: what the fixture `epoch_benchmark` does."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

import pytest

import benchbench
from benchbench.errors import Unsupported, UsageError
from benchbench.experiments.names import find_model
from benchbench.measure.calibration import calibrate
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.devices import resolve_device
from benchbench.plugins.registry import load_registry
from benchbench.pytest_plugin.measurement import EpochMeasurement, EpochTimer
from benchbench.pytest_plugin.slices import calibrated_steps, training_slice
from benchbench.pytest_plugin.training import Job, train
from benchbench.run.environment import noted
from benchbench.spec.files import load_protocol
from benchbench.spec.identity import spec_sha256
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of
from benchbench.testing.subject import ready

# The first epoch compiles and moves data, the second may still be finding its memory.
_WARM_UP = 2

_DEFAULT_PROTOCOL = TrainingProtocol()


class EpochBenchmark:
    """Times an epoch slice of a model under a backend; one call a test.

    `benchmark` is pytest-benchmark's fixture, whose methods have no types, `timer` its timer.
    `earlier` is what an earlier run said of this benchmark: the same number of steps is trained
    again, for two times compare only where the work is the same. `rounds` are timed unless a call
    asks for another number. `folder` is that of the test: model and protocol files are looked for
    there first.
    """

    def __init__(
        self,
        benchmark: Any,
        timer: EpochTimer,
        *,
        earlier: EpochMeasurement | None,
        rounds: int,
        folder: Path,
    ) -> None:
        self._benchmark = benchmark
        self._timer = timer
        self._earlier = earlier
        self._rounds = rounds
        self._folder = folder

    def __call__(
        self,
        model: ModelSpec | str | Path,
        *,
        backend: str,
        division: str = "idiomatic",
        device: str = "cpu",
        threads: int = 1,
        seed: int = 0,
        protocol: TrainingProtocol | str | Path = _DEFAULT_PROTOCOL,
        seconds: float = 0.3,
        steps: int | None = None,
        rounds: int | None = None,
    ) -> None:
        """Train, and time each epoch after the warm-up; the figures go to pytest-benchmark.

        `model` is a spec, a name of the catalog or a TOML file, `protocol` one or a TOML file.

        One of the `threads` is steadiest: several wait for each other at every operation, and for
        whatever else has a core meanwhile. `steps` are those of an epoch: by default those of the
        earlier run, else as many as take about `seconds`, at most an epoch of MNIST's size.
        `protocol.epochs` does not count: warm-up and rounds are trained.

        Skips the test where the framework is missing, or the backend does not do the model. Raises
        UsageError for what makes no sense, PluginRaised from what the backend raises.
        """
        rounds = self._rounds if rounds is None else rounds
        _check(threads=threads, rounds=rounds, seconds=seconds, steps=steps)
        if self._benchmark.cprofile:
            pytest.skip("there is nothing for cProfile: epochs are trained before they are counted")
        info = _find(backend, division)
        framework = ready(info)
        spec, training = self._model(model), self._protocol(protocol)
        task_of(spec, training)  # a loss that does not fit is told in the words of the spec
        job = Job(
            name=backend,
            backend=framework,
            division=division,
            device=resolve_device(device, framework.devices(), backend),
            threads=threads,
            seed=seed,
            model=spec,
            protocol=training,
            notes=info.notes,
        )
        try:
            if self._benchmark.disabled:
                train(job, training_slice(job, steps or 1), epochs=1)
                self._benchmark.pedantic(lambda: None)
            else:
                self._time(job, steps or self._steps(job, seconds), rounds)
        except Unsupported as answer:
            pytest.skip(f"{backend} does not do {spec.name}: {answer}")

    def _model(self, wanted: ModelSpec | str | Path) -> ModelSpec:
        if isinstance(wanted, ModelSpec):
            return wanted
        if isinstance(wanted, str | Path):
            return find_model(self._file(wanted), load_registry())
        raise UsageError(
            f"epoch_benchmark expects a ModelSpec, a name of the catalog or a TOML file, but its "
            f"model is of the type {type(wanted).__name__}"
        )

    def _protocol(self, wanted: TrainingProtocol | str | Path) -> TrainingProtocol:
        if isinstance(wanted, TrainingProtocol):
            return wanted
        if isinstance(wanted, str | Path):
            return load_protocol(Path(self._file(wanted)))
        raise UsageError(
            f"epoch_benchmark expects a TrainingProtocol or a TOML file, but its protocol is of "
            f"the type {type(wanted).__name__}"
        )

    def _file(self, wanted: str | Path) -> str:
        """Return the file beside the test, where there is one of this name, else the name."""
        beside = self._folder / wanted
        found = beside.suffix == ".toml" and beside.is_file()
        return str(beside if found else wanted)

    def _steps(self, job: Job, seconds: float) -> int:
        earlier = self._earlier
        if earlier and earlier.spec_sha256 == spec_sha256(job.model, job.protocol):
            return earlier.steps
        return calibrated_steps(job, seconds)

    def _time(self, job: Job, steps: int, rounds: int) -> None:
        split = training_slice(job, steps)
        calibration_seconds: list[float] = []

        def calibrated(number: int) -> None:
            if number >= _WARM_UP:
                calibration_seconds.append(calibrate(job.threads))

        training = train(job, split, epochs=_WARM_UP + rounds, after_epoch=calibrated)
        self._timer.epochs = iter(training.epoch_seconds[_WARM_UP:])
        self._benchmark.pedantic(self._timer.pass_epoch, rounds=rounds)
        median = self._benchmark.stats.stats.median
        measurement = EpochMeasurement(
            benchbench_version=benchbench.__version__,
            backend=job.name,
            division=job.division,
            device=job.device,
            model=job.model.name,
            spec_sha256=spec_sha256(job.model, job.protocol),
            batch_size=job.protocol.batch_size,
            steps=steps,
            threads=job.threads,
            seed=job.seed,
            samples_per_second=len(split) / median,
            calibration_seconds=tuple(calibration_seconds),
            ratio_to_calibration=median / statistics.median(calibration_seconds),
            settings={**training.settings},
            versions=job.backend.versions(),
            environment=noted(os.environ, job.notes),
        )
        self._benchmark.extra_info.update(measurement.to_extra_info())


def _check(*, threads: int, rounds: int, seconds: float, steps: int | None) -> None:
    if threads < 1:
        raise UsageError(f"epoch_benchmark needs at least 1 thread, but threads={threads}")
    if rounds < 3:
        raise UsageError(f"epoch_benchmark needs 3 rounds for a spread, but rounds={rounds}")
    if not 0 < seconds < float("inf"):
        raise UsageError(f"epoch_benchmark times a slice of some seconds, but seconds={seconds}")
    if steps is not None and steps < 1:
        raise UsageError(f"an epoch has at least 1 step, but steps={steps}")


def _find(name: str, division: str) -> BackendInfo:
    info = load_registry().backend(name)
    if division not in info.divisions:
        raise UsageError(
            f"the backend '{name}' has no division '{division}'; it has {', '.join(info.divisions)}"
        )
    return info
