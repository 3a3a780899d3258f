"""The order of the samples: kept if told to, else drawn from the seed, anew for every epoch."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from benchbench.certify.implementation import Implementation
from benchbench.certify.order import misstatements
from benchbench.certify.traces import trace
from benchbench.data.dataset import Split
from benchbench.errors import Unsupported
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import LONE_DENSE
from benchbench.testing.observer import RecordingObserver
from benchbench.testing.subject import Subject

BATCH = 32
SHORT = 5  # samples in the last batch of an epoch
SAMPLES = 3 * BATCH + SHORT

# Without memory and with an epsilon far above every gradient, a step is the gradient times the
# rate; the rate is so small that the probabilities stay where they are, at one half.
PLAIN = Adam(learning_rate=1e-3, beta_1=0.0, beta_2=0.0, epsilon=1.0)


class OrderTests(Subject):
    """What is seen here is which samples are in the last, short batch of an epoch.

    In sample i pixel i alone is lit, so only its step moves row i of the kernel, by a share of the
    batch's mean: a 5th in the short batch, a 32nd in any other. Two right epochs have the same
    short batch once in 80 million seeds. Rounding moves a row by 1e-4 of its step at most, so
    a backend that is not reproducible to the bit is judged as any other.
    """

    def test_keeps_the_order_only_if_told_to(self) -> None:
        last = set(range(SAMPLES - SHORT, SAMPLES))
        assert self._last_batch(shuffle=False) == last, "`shuffle=False` must keep the order given"
        assert self._last_batch() != last, "`shuffle=True` kept the order given"

    def test_draws_another_order_from_another_seed(self) -> None:
        assert self._last_batch(seed=1) != self._last_batch(seed=2)

    def test_shuffles_every_epoch_anew(self) -> None:
        """Two epochs in one order have one short batch: its samples moved farthest, twice."""
        moved = self._moved(epochs=2)
        far = int((moved > 2).sum())
        assert far > SHORT, (
            f"{far} samples were in the short last batch of two epochs, of {SHORT} each: the "
            f"second epoch met the samples in the order of the first"
        )

    def test_states_the_order_that_it_used(self) -> None:
        """Where `Trainer.order` answers: every sample leaves a trace of the step that used it."""
        implementation = Implementation(
            self.created(), self.division, self.device, threads=self.threads
        )
        try:
            found = trace(implementation, BATCH, seed=1, epochs=3)
        except Unsupported as answer:
            self.skip_refused("a lone Dense layer", answer)
        if not (found.stated or found.misstated):
            pytest.skip("it states no order: its runs are not audited")
        for wrong in misstatements(found, reproducible=self.info().deterministic):
            raise AssertionError(wrong.words)
        for first, second in itertools.pairwise(found.stated):
            assert not np.array_equal(first, second), "two epochs are stated to have one order"

    def _last_batch(self, *, shuffle: bool = True, seed: int = 0) -> set[int]:
        """Return the samples in the short batch of one epoch, by their numbers."""
        moved = self._moved(epochs=1, shuffle=shuffle, seed=seed)
        return {int(sample) for sample in np.flatnonzero(moved > 2)}

    def _moved(
        self, *, epochs: int, shuffle: bool = True, seed: int = 0
    ) -> npt.NDArray[np.float64]:
        """Return how far each sample moved its row, in units of the median's."""
        protocol = TrainingProtocol(
            epochs=epochs, batch_size=BATCH, shuffle=shuffle, optimizer=PLAIN
        )
        try:
            trainer = self.bare_trainer(LONE_DENSE, protocol, seed=seed)
        except Unsupported as answer:
            self.skip_refused("a lone Dense layer", answer)
        shapes = LONE_DENSE.variable_shapes
        trainer.set_variables([np.zeros(shape, np.float32) for shape in shapes])
        trainer.fit(_one_pixel_each(), _one_pixel_each(), RecordingObserver())
        trainer.synchronize()
        moved = np.abs(trainer.variables()[0][:SAMPLES, 0].astype(np.float64))
        middle: float = np.median(moved)
        return moved / middle


@functools.cache
def _one_pixel_each() -> Split:
    pixels = np.eye(SAMPLES, math.prod(LONE_DENSE.input_shape), dtype=np.float32)
    return Split(
        pixels.reshape(SAMPLES, *LONE_DENSE.input_shape), np.arange(SAMPLES, dtype=np.int64) % 2
    )
