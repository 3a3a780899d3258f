"""A run as a worker does it, here in this process: its endings, and where its time goes."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from benchbench import GRU, Dense, Embedding, ModelSpec
from benchbench.data import catalog
from benchbench.data.dataset import Dataset, DatasetInfo, Split
from benchbench.plugins import registry
from benchbench.records import DatasetChoice, Variant
from benchbench.run import worker
from benchbench.run.messages import Built, EpochDone, Finished, Ready
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

ENDINGS = [
    ("raises", "failed", "RuntimeError: the sky fell"),
    ("quits", "failed", "SystemExit"),
    ("skips-an-epoch", "failed", "must report 2 epochs, but it returned after 1"),
    ("validates-first", "failed", "without epoch_trained"),
    ("out-of-memory", "oom", "MemoryError"),
    ("refuses", "skipped", "there is no pool in this framework"),
    ("no-such-backend", "failed", "there is no backend 'no-such-backend'"),
]

CHECKS = [
    ("nan", "finite"),
    ("nan-predictions", "predictions"),
    ("wrong-count", "parameter count: expected 7,850, found 7,840"),
    ("wrong-shape", "parameter shapes: expected 784x10 10, found 10x784 10"),
    ("wrong-predictions", "predictions"),
    ("frozen", "weights moved: expected training changed every array, found array 1 did not"),
    ("lies", "metric recomputed: expected evaluate: 0.9900"),
]


def split_of(count):
    inputs = np.zeros((count, 28, 28, 1), np.float32)
    return Split(inputs, np.arange(count, dtype=np.int64) % 10)


def dataset_of(name="tiny"):
    return Dataset(
        name=name,
        train=split_of(20),
        validation=split_of(10),
        test=split_of(10),
        classes=10,
        sha256="d" * 64,
        source="nowhere",
    )


def request_for(backend, *, epochs=2, variant=None, model="single-layer"):
    session = Session(
        cells=(Cell(backend, "idiomatic", MODELS[model], variant=variant),),
        protocol=TrainingProtocol(epochs=epochs),
        dataset=DatasetChoice("tiny"),
        device="cpu",
        threads=1,
        cpus=None,
        seed=0,
    )
    ((run,),) = (group.runs for group in session.block(0))
    return run.request


@pytest.fixture
def offered(misfits, monkeypatch):
    """Offer the misfits, and a data set `tiny`; a test may add a backend or change the set."""
    import misfits as module

    backends = {info.name: info for info in module.benchbench_backends()}
    datasets = {"tiny": DatasetInfo("tiny", lambda _: dataset_of())}

    def load_registry(**_):
        def offers(items):
            return {name: registry.Offer(item, "tests") for name, item in items.items()}

        return registry.Registry(offers(backends), {}, offers(datasets), {}, ())

    monkeypatch.setattr(registry, "load_registry", load_registry)
    yield SimpleNamespace(backends=backends, datasets=datasets, module=module)
    sys.modules.pop("misfits", None)


@pytest.mark.parametrize(("backend", "status", "reason"), ENDINGS)
def test_each_ending_has_its_status_and_its_reason(offered, backend, status, reason):
    ending = worker.execute(request_for(backend), lambda event: None)
    assert ending.status == status
    assert reason in ending.reason
    assert (ending.traceback is None) == (status == "skipped")


@pytest.mark.parametrize(("backend", "reason"), CHECKS)
def test_each_lie_fails_the_check_that_is_for_it(offered, backend, reason):
    ending = worker.execute(request_for(backend), lambda event: None)
    failed = [
        f"{check.name}: expected {check.expected}, found {check.observed}"
        for check in ending.outcome.checks
        if check.passed is False
    ]
    assert any(text.startswith(reason) for text in failed), failed


def test_an_honest_run_passes_every_check_and_reports_turn_by_turn(offered):
    events = []
    ending = worker.execute(request_for("null"), events.append)
    assert [type(event) for event in events] == [Ready, Built, EpochDone, EpochDone]
    assert [event.number for event in events[2:]] == [1, 2]
    assert isinstance(ending, Finished)
    assert [check for check in ending.outcome.checks if check.passed is False] == []
    assert ending.outcome.settings == {"work": "none", "rate": "0.5"}
    assert len(ending.waiting_cpu_seconds) == 2


class FakeClock:
    """Nanoseconds that pass only where a test says so."""

    def __init__(self):
        self.ns = 10**9

    def __call__(self):
        return self.ns

    def pass_by(self, seconds):
        self.ns += round(seconds * 1e9)


# Seconds that pass in each phase; each is a sum of powers of two of its own, so that none can be
# mistaken for another or for a part of it.
PASSES = {
    "import_": 1.0,
    "data": 2.0,
    "build": 4.0,
    "first_epoch": 8.0,
    "steady_epochs": 2 * 16.0,
    "validation": 3 * 64.0,
    "evaluate": 256.0,
    "predict": 512.0,
    "waiting": 5 * 1024.0,
    "other": 8192.0,
}


@pytest.fixture
def timed(offered):
    """Offer `timed`, whose every phase takes the seconds of `PASSES` on the clock returned."""
    clock = FakeClock()

    class Timed(offered.module.NullTrainer):
        def __init__(self, model, protocol):
            super().__init__(model, protocol)
            clock.pass_by(PASSES["build"])

        def fit(self, train, validation, observer):
            for number in range(self.protocol.epochs):
                clock.pass_by(16.0 if number else PASSES["first_epoch"])
                self.epoch()
                observer.epoch_trained(1.0)
                clock.pass_by(64.0)
                observer.epoch_validated(super().evaluate(validation))

        def evaluate(self, split):
            clock.pass_by(PASSES["evaluate"])
            return super().evaluate(split)

        def predict(self, inputs):
            clock.pass_by(PASSES["predict"])
            return super().predict(inputs)

        def settings(self):
            clock.pass_by(PASSES["other"])
            return super().settings()

    def create():
        clock.pass_by(PASSES["import_"])
        return offered.module.MisfitBackend(Timed)

    def load(_):
        clock.pass_by(PASSES["data"])
        return dataset_of()

    offered.backends["timed"] = registry.BackendInfo("timed", (), create)
    offered.datasets["tiny"] = DatasetInfo("tiny", load)
    return clock


def test_what_passes_in_a_phase_is_in_that_phase_and_the_phases_sum_to_the_whole(timed):
    ending = worker.execute(
        request_for("timed", epochs=3), lambda event: timed.pass_by(1024.0), timed
    )
    assert isinstance(ending, Finished), ending
    phases = ending.outcome.phases
    parts = {name: getattr(phases, name) for name in phases.__struct_fields__ if name != "total"}
    # The clock stood at one second when the process was there: the start of the interpreter.
    # What the core predicts to recount the validation loss is its own doing: it waits, as it were.
    own = {"other": PASSES["other"] + 1.0, "waiting": PASSES["waiting"] + PASSES["predict"]}
    assert parts == PASSES | own | {"further": 0.0}
    assert sum(parts.values()) == phases.total
    assert ending.watched_seconds == PASSES["predict"]


def test_a_slowdown_draws_out_the_training_epochs_and_nothing_else(timed, monkeypatch):
    events = []
    monkeypatch.setattr(time, "sleep", timed.pass_by)
    variant = Variant("half as long again", slowdown=0.5)
    ending = worker.execute(request_for("timed", epochs=3, variant=variant), events.append, timed)
    assert isinstance(ending, Finished), ending
    epochs = [event.epoch for event in events if isinstance(event, EpochDone)]
    assert [epoch.train_seconds for epoch in epochs] == [12.0, 24.0, 24.0]
    assert [epoch.validation_seconds for epoch in epochs] == [64.0] * 3


def test_a_data_set_that_the_model_does_not_take_is_skipped(offered):
    small = Split(np.zeros((10, 14, 14, 1), np.float32), np.arange(10, dtype=np.int64))
    unfit = Dataset("tiny", small, small, small, 10, "d" * 64, "nowhere")
    offered.datasets["tiny"] = DatasetInfo("tiny", lambda _: unfit)
    ending = worker.execute(request_for("null"), lambda event: None)
    assert ending.status == "skipped"
    assert "takes inputs of shape (28, 28, 1)" in ending.reason


@pytest.mark.parametrize("every", [False, True])
def test_a_text_is_cut_for_the_model_and_its_characters_are_reported(offered, tmp_path, every):
    import benchbench_numpy

    offered.backends["numpy"] = benchbench_numpy.benchbench_backends()[0]
    path = tmp_path / "novel.txt"
    path.write_text("the quick brown fox jumps over the lazy dog\n" * 9)
    layers = (Embedding(30, 4), GRU(3, return_sequences=every), Dense(30, "softmax"))
    request = msgspec.structs.replace(
        request_for("numpy"),
        model=ModelSpec("reader", (8,), layers, "int32"),
        dataset=catalog.choose(f"text:{path}", {}),
    )
    ending = worker.execute(request, lambda event: None)
    assert ending.outcome.characters == "\n abcdefghijklmnopqrstuvwxyz"
    assert [check for check in ending.outcome.checks if check.passed is False] == []
    assert 0 < ending.outcome.test.accuracy < 1
