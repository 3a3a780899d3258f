"""Training: in the order asked for, told truthfully, nothing of others touched."""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchbench.certify.exercise import as_row, relative_difference
from benchbench.certify.samples import make_split
from benchbench.data.dataset import Split
from benchbench.measure.clock import cpu_ns, now_ns
from benchbench.plugins.contract import Score
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import Adam, TrainingProtocol
from benchbench.testing.observer import RecordingObserver
from benchbench.testing.subject import Subject, Trained, first_weights

BATCH = 32
IN_ORDER = TrainingProtocol(epochs=1, batch_size=BATCH, shuffle=False)
SHUFFLED = TrainingProtocol(epochs=1, batch_size=BATCH, shuffle=True)

VALIDATION_SAMPLES = 70

# Long enough for work that was left behind to show.
LATE_SECONDS = 0.5

# The same computation twice may differ by the order of its sums; another order of the samples
# differs by far more.
SAME = 1e-6


class TrainingTests(Subject):
    """`fit`: order of samples, what the observer hears, what is left alone, who waits for whom."""

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

    def test_keeps_the_order_only_if_told_to(self) -> None:
        in_order = self._small_fit(IN_ORDER).update
        shuffled = self._small_fit(SHUFFLED).update
        assert relative_difference(shuffled, in_order) > 100 * SAME

    def test_follows_its_seed(self) -> None:
        """The same seed gives the same result twice, unless the backend declares that it cannot."""
        first = self._small_fit(SHUFFLED, seed=1).update
        other = self._small_fit(SHUFFLED, seed=2).update
        assert relative_difference(other, first) > 100 * SAME
        if not self.info().deterministic:
            pytest.skip(f"{self.backend} declares that a seed does not give the same result twice")
        again = self._small_fit(SHUFFLED, seed=1).update
        assert relative_difference(again, first) <= SAME, (
            "the same seed gave another result; a backend that cannot help it declares "
            "`deterministic=False`"
        )

    def test_shuffles_every_epoch_anew(self) -> None:
        """Two epochs must not be the first epoch twice.

        With both betas 0 Adam remembers nothing, so an epoch is a function of weights and order
        alone: a second epoch in the first one's order is a first epoch from the first one's result.
        """
        forgetful = Adam(beta_1=0.0, beta_2=0.0)
        one = TrainingProtocol(epochs=1, batch_size=BATCH, optimizer=forgetful)
        two = TrainingProtocol(epochs=2, batch_size=BATCH, optimizer=forgetful)
        model = self.some_model()
        train, validation = _splits(model, 4 * BATCH)
        trainer = self.trainer(model, one)
        trainer.fit(train, validation, RecordingObserver())
        repeating = self.bare_trainer(model, one)
        repeating.set_variables(trainer.variables())
        repeating.fit(train, validation, RecordingObserver())
        repeated = as_row(repeating.variables()) - as_row(first_weights(model))
        observed = self.fit(model, two, train, validation).update
        assert relative_difference(observed, repeated) > 100 * SAME, (
            "the second epoch met the samples in the order of the first"
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
        """CPU time over wall time of some training; pools may spin for a moment."""
        model = self.some_model()
        trainer = self.trainer(model, TrainingProtocol(epochs=3, batch_size=128))
        clock = _Threads()
        trainer.fit(make_split(model, 40 * 128, seed=3), _splits(model, BATCH)[1], clock)
        assert clock.busy < self.threads + 0.3, (
            f"{clock.busy:.1f} threads were at work on average, {self.threads} were allowed"
        )

    def _small_fit(self, protocol: TrainingProtocol, *, seed: int = 0) -> Trained:
        model = self.some_model()
        return self.fit(model, protocol, *_splits(model, 4 * BATCH), seed=seed)


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
