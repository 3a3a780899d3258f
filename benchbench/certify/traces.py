"""A network in which every sample leaves a trace: the step that used it can be read off.

One Dense layer, its weights zero. Sample i lights pixel i alone, so only a step that uses it moves
row i of the kernel. The optimizer is Adam with beta_1 = 0, and a rate so small that the
probabilities stay at 1 / classes. Then a step t in a batch of b samples moves the row by

    rate * sqrt(1 - beta_2^t) / sqrt(1 - beta_2) * g / sqrt(g^2 + sum_j g_j^2 * beta_2^(t - t_j))

with g = 1 / b, up in the sample's own class and down in every other, the sum over the earlier steps
t_j that used the sample, in batches of 1 / g_j. The size grows with t, so t can be read from it: in
the first epoch sqrt(1 - beta_2^t) alone. Source: `benchbench.Adam`, a gradient that is 0 but at t.
Steps are told apart up to some thousand; other optimizers need a formula of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from benchbench.certify.calls import call
from benchbench.certify.implementation import Implementation
from benchbench.certify.rows import WeightsReader, as_row
from benchbench.certify.stated_order import NoPermutation, Order, stated_order
from benchbench.data.dataset import Split
from benchbench.spec.layers import Dense, Flatten
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCHS = 5

_CLASSES = 10
_RATE = 1e-9
_BETA_2 = 0.999
_OPTIMIZER = Adam(learning_rate=_RATE, beta_1=0.0, beta_2=_BETA_2, epsilon=1e-12)
# As many samples as make the trace a fifth of a second's work, in three whole batches at least.
# Beyond 300 steps an epoch neighbouring steps move a row too nearly alike.
_SAMPLES = 1500
_FEWEST_BATCHES = 3
_MOST_BATCHES = 300
# A pixel for each sample: larger batches are read as batches of so many.
_LARGEST_BATCH = 1024
# A trace fits a step if it is nearer than this share of the way to the next step's.
_NEAR = 0.25

Steps: TypeAlias = npt.NDArray[np.int64]
Moved: TypeAlias = npt.NDArray[np.float64]

UNUSED, UNREADABLE = 0, -1


@dataclass(frozen=True)
class TracedData:
    """The samples of one trace, for batches of `batch_size`.

    An epoch is of `step_count` steps, the last of `short` samples, the others of `batch_size`.
    The validation split lights pixels of its own.
    """

    batch_size: int

    @property
    def short(self) -> int:
        """The size of the last batch: 52 of 128."""
        return max(1, self.batch_size * 13 // 32)

    @property
    def step_count(self) -> int:
        """The number of steps of an epoch."""
        whole = max(_FEWEST_BATCHES, min(_MOST_BATCHES - 1, _SAMPLES // self.batch_size))
        return whole + 1

    @property
    def sample_count(self) -> int:
        """The number of training samples."""
        return (self.step_count - 1) * self.batch_size + self.short

    @property
    def model(self) -> ModelSpec:
        """The network: a pixel for each sample of both splits."""
        pixels = self.sample_count + self.short
        return ModelSpec("order", (pixels, 1, 1), (Flatten(), Dense(_CLASSES, "softmax")))

    def splits(self) -> tuple[Split, Split]:
        """Return the training and the validation split."""
        pixels = np.eye(self.sample_count + self.short, dtype=np.float32)
        images = pixels.reshape(-1, *self.model.input_shape)
        # No class has the period of a batch: a shifted label is another one.
        labels = np.random.default_rng(0).integers(0, _CLASSES, len(images))
        images.flags.writeable = labels.flags.writeable = False
        cut = self.sample_count
        return Split(images[:cut], labels[:cut]), Split(images[cut:], labels[cut:])


@dataclass(frozen=True)
class Trace:
    """What was read after each epoch of a training, and when it had ended.

    `kernels` are float64 (pixels, classes); the first is the kernel at the start. `stated` are the
    orders of the epochs as the backend states them, empty where it states none; `misstated` says
    what is wrong with one that is no order.
    """

    data: TracedData
    kernels: Sequence[Moved]
    final: Moved
    stated: Sequence[Order] = ()
    misstated: str = ""

    def steps(self) -> list[Steps]:
        """Return for each epoch the step, from 1, that used each sample: int64 (samples,).

        `UNUSED` where its row did not move, `UNREADABLE` where no step of the epoch moves it so.
        """
        data = self.data
        history = np.zeros(data.sample_count)  # sum_j g_j^2 * beta_2^(-t_j)
        found = []
        for epoch, moved in enumerate(self._moved()):
            numbers = np.arange(1, data.step_count + 1)
            times = epoch * data.step_count + numbers
            share = 1 / np.where(numbers < data.step_count, data.batch_size, data.short)
            # (samples, steps): how far each step would move each row.
            size = share / np.sqrt(share**2 + np.multiply.outer(history, _BETA_2**times))
            size *= _RATE * np.sqrt((1 - _BETA_2**times) / (1 - _BETA_2))
            steps = _nearest(moved, size)
            used = steps > 0
            place = steps[used] - 1
            history[used] += share[place] ** 2 * _BETA_2 ** -times[place].astype(np.float64)
            found.append(steps)
        return found

    def wrong_labels(self) -> npt.NDArray[np.bool_]:
        """Return which rows have moved up in another class than the sample's own: (samples,)."""
        train, _ = self.data.splits()
        rows = self.final[: len(train)]
        wrong = (rows.argmax(axis=1) != train.targets) & rows.any(axis=1)
        return np.asarray(wrong, np.bool_)

    def foreign(self) -> int:
        """Return how many rows moved that belong to no training sample."""
        return int(self.final[self.data.sample_count :].any(axis=1).sum())

    def _moved(self) -> Iterator[Moved]:
        """Yield for each epoch how far each row has moved; NaN where its classes disagree."""
        count = self.data.sample_count
        for before, after in zip(self.kernels, self.kernels[1:], strict=False):
            change = np.abs(after[:count] - before[:count])
            most, least = change.max(axis=1), change.min(axis=1)
            yield np.where(most - least <= 1e-3 * most, change.mean(axis=1), np.nan)


def trace(implementation: Implementation, batch_size: int, *, seed: int, epochs: int) -> Trace:
    """Train the network with shuffling, and read its kernel after each epoch.

    Raises Unsupported and PluginRaised.
    """
    data = TracedData(min(batch_size, _LARGEST_BATCH))
    protocol = TrainingProtocol(epochs=epochs, batch_size=data.batch_size, optimizer=_OPTIMIZER)
    start = [np.zeros(shape, np.float32) for shape in data.model.variable_shapes]
    trainer = implementation.bare_trainer(data.model, protocol, start, seed=seed)
    reader = WeightsReader(trainer)
    call("fit", trainer.fit, *data.splits(), reader)
    call("synchronize", trainer.synchronize)
    rows = [np.zeros(data.model.parameter_count), *reader.rows, as_row(trainer.variables())]
    kernel = math.prod(start[0].shape)
    kernels = [row[:kernel].reshape(start[0].shape) for row in rows]
    try:
        orders = [stated_order(trainer, epoch + 1, data.sample_count) for epoch in range(epochs)]
    except NoPermutation as fault:
        return Trace(data, kernels[:-1], kernels[-1], misstated=str(fault))
    return Trace(data, kernels[:-1], kernels[-1], [one for one in orders if one is not None])


def _nearest(moved: Moved, size: Moved) -> Steps:
    """Return the step whose size each movement has: from 1, or UNUSED, or UNREADABLE."""
    away = np.abs(size - moved[:, np.newaxis])
    nearest = away.argmin(axis=1)
    rows = np.arange(len(moved))
    others = np.abs(size - size[rows, nearest][:, np.newaxis])
    others[rows, nearest] = math.inf
    fits = away[rows, nearest] <= _NEAR * others.min(axis=1)
    steps = np.where(fits, nearest + 1, UNREADABLE)
    return np.where(moved == 0, UNUSED, steps)
