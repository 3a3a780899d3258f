"""Training: told truthfully, the same from the same seed, nothing of others touched."""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchbench.certify.exercise import relative_difference
from benchbench.certify.rows import as_row
from benchbench.data.dataset import Split
from benchbench.data.samples import make_split
from benchbench.measure.clock import cpu_ns, now_ns
from benchbench.plugins.contract import Score
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.observer import RecordingObserver
from benchbench.testing.subject import Subject, first_weights

BATCH = 32
SHUFFLED = TrainingProtocol(epochs=1, batch_size=BATCH, shuffle=True)

VALIDATION_SAMPLES = 70

# Long enough for work that was left behind to show.
LATE_SECONDS = 0.5

# The same computation twice may differ by the order of its sums.
SAME = 1e-6


class TrainingTests(Subject):
    """`fit`: what the observer hears, what a seed settles, what is left alone, who waits."""

    def test_tells_the_observer_of_every_epoch_in_order(self) -> None:
        model = self.some_model()
        protocol = TrainingProtocol(epochs=3, batch_size=BATCH)
        observer = self.fit(model, protocol, *_splits(model, 70)).observer
        assert observer.names == ["epoch_trained", "epoch_validated"] * 3
        assert all(loss is None or math.isfinite(loss) for loss in observer.losses)
        assert all(math.isfinite(score.loss) for score in observer.scores)
        assert all(0 <= score.metric <= 1 for score in observer.scores)

    def test_tells_the_mean_loss_of_the_epoch(self) -> None:
        """As the steps met the samples, before each update: close to the loss at the start."""
        model = self.some_model()
        barely = TrainingProtocol(
            epochs=1, batch_size=BATCH, shuffle=False, optimizer=Adam(learning_rate=1e-8)
        )
        train, validation = _splits(model, 3 * BATCH + 20)
        (observed,) = self.fit(model, barely, train, validation).observer.losses
        if observed is None:
            pytest.skip("the backend does not compute the training loss")
        expected = self.trainer(model, barely).evaluate(train).loss
        assert observed == pytest.approx(expected, rel=1e-3)

    def test_validates_as_it_evaluates(self) -> None:
        model = self.some_model()
        train, validation = _splits(model, 70)
        trainer = self.trainer(model, TrainingProtocol(epochs=2, batch_size=BATCH))
        observer = RecordingObserver()
        trainer.fit(train, validation, observer)
        score = trainer.evaluate(validation)
        assert observer.scores[-1].loss == pytest.approx(score.loss, rel=1e-5)
        assert observer.scores[-1].metric == pytest.approx(score.metric, abs=1e-6)

    def test_follows_its_seed(self) -> None:
        """The same seed gives the same result twice, unless the backend declares that it cannot."""
        if not self.info().deterministic:
            pytest.skip(f"{self.backend} declares that a seed does not give the same result twice")
        model = self.some_model()
        first, again = (self.fit(model, SHUFFLED, *_splits(model, 4 * BATCH)) for _ in range(2))
        assert relative_difference(again.update, first.update) <= SAME, (
            "the same seed gave another result; a backend that cannot help it declares "
            "`deterministic=False`"
        )

    def test_leaves_the_arrays_of_others_alone(self) -> None:
        """Neither the images nor the weights it was given may change, nor those it returned."""
        model = self.some_model()
        train, validation = _splits(model, 70)
        given = first_weights(model)
        trainer = self.bare_trainer(model, SHUFFLED)
        trainer.set_variables(given)
        returned = trainer.variables()
        watched: list[npt.NDArray[Any]] = [*given, *returned]
        watched += [train.inputs, train.targets, validation.inputs, validation.targets]
        before = [array.copy() for array in watched]
        trainer.fit(train, validation, RecordingObserver())
        trainer.evaluate(validation)
        trainer.predict(validation.inputs)
        for ours, theirs in zip(before, watched, strict=True):
            np.testing.assert_array_equal(theirs, ours, "training wrote to an array of another")

    def test_synchronize_waits_for_all_the_work(self) -> None:
        """What was trained is there when `synchronize` returns: nothing arrives later."""
        model = self.some_model()
        trainer = self.trainer(model, SHUFFLED)
        trainer.fit(*_splits(model, 10 * BATCH), RecordingObserver())
        trainer.synchronize()
        at_once = as_row(trainer.variables())
        before = cpu_ns()
        time.sleep(LATE_SECONDS)
        busy = (cpu_ns() - before) / 1e9
        np.testing.assert_array_equal(as_row(trainer.variables()), at_once)
        assert busy < LATE_SECONDS / 5, f"{busy:.2f} s of CPU time were spent after `synchronize`"

    def test_uses_no_more_threads_than_it_was_given(self) -> None:
        """CPU time over wall time of some training; pools may spin for a moment.

        A worker stays on as many processors as it has threads; this process does not. So a
        framework that takes its threads from there, and says so in its settings, is not judged.
        """
        model = self.some_model()
        trainer = self.trainer(model, TrainingProtocol(epochs=3, batch_size=128))
        clock = _Threads()
        trainer.fit(make_split(model, 40 * 128, seed=3), _splits(model, BATCH)[1], clock)
        if trainer.settings().get("threads_set_by") == "affinity":
            pytest.skip(f"{self.backend} takes its threads from the processors of its process")
        assert clock.busy < self.threads + 0.3, (
            f"{clock.busy:.1f} threads were at work on average, {self.threads} were allowed"
        )


class _Threads:
    """An observer that reads CPU time over wall time from the first epoch's end to the last's."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self.busy = 0.0

    def epoch_trained(self, loss: float | None) -> None:
        del loss
        now = cpu_ns(), now_ns()
        if self._first:
            self.busy = (now[0] - self._first[0]) / (now[1] - self._first[1])
        self._first = self._first or now

    def epoch_validated(self, score: Score) -> None: ...


def _splits(model: ModelSpec, count: int) -> tuple[Split, Split]:
    """Return `count` training samples, always the same first ones, and the validation samples."""
    train, validation = _drawn(model)
    return Split(train.inputs[:count], train.targets[:count]), validation


@functools.cache
def _drawn(model: ModelSpec) -> tuple[Split, Split]:
    return make_split(model, 10 * BATCH, seed=2), make_split(model, VALIDATION_SAMPLES, seed=1)
