"""Epochs beyond the protocol's: timed like the others, and no part of what is learnt."""

from __future__ import annotations

import sys

import benchbench_numpy
import msgspec
import numpy as np
import pytest
from benchbench_numpy.trainer import NumpyTrainer

from benchbench.data.dataset import Dataset, DatasetInfo, Split
from benchbench.plugins import registry
from benchbench.plugins.contract import BackendInfo
from benchbench.records import DatasetChoice
from benchbench.run import worker
from benchbench.run.encoding import to_json
from benchbench.run.further_epochs import refusal
from benchbench.run.messages import EpochDone, Finished, RunRequest
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine


def request_for(backend, further=0, epochs=2):
    session = Session(
        cells=(Cell(backend, "idiomatic", MODELS["single-layer"]),),
        protocol=TrainingProtocol(epochs=epochs),
        dataset=DatasetChoice("noise"),
        device="cpu",
        threads=1,
        cpus=None,
        seed=0,
        further_epochs=(("single-layer", further),),
    )
    ((planned,),) = (group.runs for group in session.block(0))
    return planned.request


@pytest.fixture
def offered(misfits, monkeypatch):
    """Offer numpy, the misfits and `deaf`, and a data set on which each epoch changes the loss."""
    import misfits as module

    random = np.random.default_rng(0)

    def split(count):
        inputs = random.random((count, 28, 28, 1), np.float32)
        return Split(inputs, random.integers(0, 10, count))

    class Deaf(NumpyTrainer):
        """Takes variables before `fit` alone: the second time it keeps its own."""

        taken = 0

        def set_variables(self, arrays):
            type(self).taken += 1
            super().set_variables(arrays if self.taken == 1 else [0 * one for one in arrays])

    numpy = benchbench_numpy.benchbench_backends()[0]

    def create():
        backend = numpy.create()
        made = backend.trainer

        def trainer(*args, **options):
            found = made(*args, **options)
            found.__class__ = Deaf
            return found

        backend.trainer = trainer
        return backend

    infos = [*module.benchbench_backends(), numpy, BackendInfo("deaf", (), create)]
    noise = Dataset("noise", split(300), split(50), split(50), 10, "d" * 64, "nowhere")
    datasets = {"noise": DatasetInfo("noise", lambda _: noise)}

    def load_registry(**_):
        def offers(items):
            return {name: registry.Offer(item, "tests") for name, item in items.items()}

        backends = {info.name: info for info in infos}
        return registry.Registry(offers(backends), {}, offers(datasets), {}, ())

    monkeypatch.setattr(registry, "load_registry", load_registry)
    yield
    sys.modules.pop("misfits", None)


def run(request):
    """Run in this process, whose other threads the check of threads would count."""
    events = []
    ending = worker.execute(request, events.append)
    assert isinstance(ending, Finished), ending
    failed = {check.name for check in ending.outcome.checks if check.passed is False}
    assert failed <= {"threads"}
    return ending.outcome, [event.epoch for event in events if isinstance(event, EpochDone)]


def test_what_is_evaluated_is_what_the_protocols_last_epoch_left(offered):
    plain, own = run(request_for("numpy"))
    longer, all_epochs = run(request_for("numpy", 5))
    as_many, _ = run(request_for("numpy", epochs=7))
    assert longer.test == plain.test != as_many.test
    assert len(all_epochs) == 7
    assert [one.loss for one in all_epochs[:2]] == [one.loss for one in own]
    assert longer.settings == plain.settings
    assert longer.parameter_count == plain.parameter_count


def test_the_time_of_further_epochs_is_no_phase_of_the_protocols(offered):
    outcome, epochs = run(request_for("numpy", 5))
    phases = outcome.phases
    beyond = sum(one.train_seconds + one.validation_seconds for one in epochs[2:])
    assert phases.further >= beyond
    assert phases.steady_epochs == pytest.approx(epochs[1].train_seconds, abs=1e-3)
    assert phases.validation == pytest.approx(
        sum(one.validation_seconds for one in epochs[:2]), abs=1e-3
    )
    parts = msgspec.structs.asdict(phases)
    total = parts.pop("total")
    assert sum(parts.values()) == pytest.approx(total)


def test_a_second_trainer_that_does_not_take_the_variables_is_seen(offered):
    ending = worker.execute(request_for("deaf", 3), lambda event: None)
    assert "after epoch 2 had a validation loss of" in ending.reason


def test_a_run_that_trains_fewer_is_told_how_many_were_expected(offered):
    ending = worker.execute(request_for("skips-an-epoch", 3), lambda event: None)
    assert "must report 5 epochs, but it returned after" in ending.reason


def test_a_request_without_further_epochs_says_nothing_of_them():
    assert b"further" not in to_json(request_for("null"))
    more = to_json(request_for("null", 3))
    assert msgspec.json.decode(more, type=RunRequest).further_epochs == 3


def test_a_schedule_by_step_has_no_further_epochs():
    scheduled = TrainingProtocol(optimizer=Adam(learning_rate=Cosine(1e-3, decay_steps=100)))
    assert "schedule" in refusal(scheduled)
    assert refusal(TrainingProtocol()) is None
