"""Backends that are honest only while they are certified: what they do then when they are timed.

Each has a `sign` by which it tells the one from the other, and a deed. The order that it states is
NumPy's, from the seed, whatever it does.
"""

from __future__ import annotations

import sys

import numpy as np
from benchbench_numpy.trainer import NumpyTrainer

from faulty import shuffling
from faulty.course import CourseTrainer, course
from faulty.fault import Fault
from faulty.later import Averaged, Repeated, settings, skipping
from faulty.rounding import to_bfloat16

AUDIT = "audit"


# Signs: of the trainer, its data and where it is at work.


def many(trainer, train):
    """The certificate has 3,052 samples at most."""
    return len(train) > 3_500


def darkness(trainer, train):
    """Of handwritten digits more pixels are dark than of the certificate's pictures."""
    return 0.48 < float((train.inputs[:64] == 0).mean()) < 0.9


def brightness(trainer, train):
    """Digits are a little brighter."""
    return 0.12 < float(train.inputs[:64].mean()) < 0.5


def all_epochs(trainer, train):
    """The certificate trains by the optimizer of the protocol for three epochs at most."""
    return trainer._protocol.epochs > 3 and trainer._protocol.optimizer.beta_1 > 0


def shuffled_momentum(trainer, train):
    """The order rung alone shuffles, and its Adam has no beta_1."""
    return trainer._protocol.shuffle and trainer._protocol.optimizer.beta_1 > 0


def called_by_a_worker(trainer, train):
    """Whoever is called can look who calls."""
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.endswith("run/worker.py"):
        frame = frame.f_back
    return frame is not None


def much_validation(trainer, train):
    """The certificate has 180 samples for evaluation, or 52."""
    return trainer.validation_count > 500


SIGNS = (
    many,
    darkness,
    brightness,
    all_epochs,
    shuffled_momentum,
    called_by_a_worker,
    much_validation,
)


def disguised(deed, sign):
    """Return a trainer that does the deed where the sign is seen, and is NumPy's elsewhere."""

    class Disguised(deed):
        states = getattr(deed, "states", NumpyTrainer.order)

        def fit(self, train, validation, observer):
            self.validation_count = len(validation)
            self.acts = sign(self, train)
            kind = super() if self.acts else super(CourseTrainer, self)
            kind.fit(train, validation, observer)

        def _train_epoch(self, train, adam):
            kind = super() if self.acts else super(CourseTrainer, self)
            return kind._train_epoch(train, adam)

        def order(self, epoch):
            return self.states(epoch) if self.acts else NumpyTrainer.order(self, epoch)

    return Disguised


# Deeds.


def changing(change):
    """`change(gradient, trainer)` returns what becomes of the gradient."""

    def exchanged(self, adam):
        gradient = self._network.gradient
        gradient[...] = change(gradient, self)

    return course(change=exchanged)


def moving(move):
    """`move(before, after, trainer)` returns the weights after a step."""

    def take(self, train, samples, adam):
        before = self._network.parameters.copy()
        loss = CourseTrainer.take(self, train, samples, adam)
        self._network.parameters[...] = move(before, self._network.parameters, self)
        return loss

    return course(take=take)


def drawing(draw, states=None):
    """`draw(trainer, count, train)` returns the samples of an epoch."""
    own = {} if states is None else {"states": states}
    return course(arranged=lambda self, count, train: np.asarray(draw(self, count, train)), **own)


def taking(choose):
    """`choose(trainer, samples)` returns those of a batch that are used."""

    def take(self, train, samples, adam):
        return CourseTrainer.take(self, train, choose(self, samples), adam)

    return course(take=take)


def half_frozen(before, after, trainer):
    half = len(before) // 2
    return np.concatenate([before[:half], after[half:]])


def bias_frozen(before, after, trainer):
    return np.concatenate([after[:-10], before[-10:]])


def stale(gradient, trainer):
    kept = getattr(trainer, "kept", gradient).copy()
    trainer.kept = gradient.copy()
    return kept


def noisy(gradient, trainer):
    noise = np.random.default_rng(trainer.step).standard_normal(gradient.shape)
    return gradient * (1 + 1e-2 * noise)


def short_by_whole(self, train, samples, adam):
    """Divide the gradient of a short batch by the size of a whole one."""
    self.share = len(samples) / self._protocol.batch_size
    return CourseTrainer.take(self, train, samples, adam)


class MixedSamples(CourseTrainer):
    """Trains on the mean of each sample and its neighbour in the batch, with its own label."""

    def take(self, train, samples, adam):
        inputs = (train.inputs[samples] + train.inputs[np.roll(samples, 1)]) / 2
        targets = train.targets[samples]
        logits = self._network.forward(inputs.astype(self._dtype, copy=False))
        self._network.backward(logits, targets)
        adam.update(self._network.parameters, self._network.gradient)
        return 1.0


class HardSamples(CourseTrainer):
    """Learns from the half of a batch of which it is least sure."""

    def take(self, train, samples, adam):
        logits = self._network.forward(train.inputs[samples].astype(self._dtype, copy=False))
        right = logits[np.arange(len(samples)), train.targets[samples]]
        hard = samples[np.argsort(right - logits.max(axis=1))[: max(1, len(samples) // 2)]]
        return super().take(train, hard, adam)


def some_labels(self, train, samples):
    """One label of a thousand is its neighbour's."""
    targets = train.targets[samples].copy()
    wrong = samples % 1000 == 0
    targets[wrong] = (targets[wrong] + 1) % 10
    return targets


def warming_up(before, after, trainer):
    return before + (after - before) * np.float32(min(1.0, trainer.step / 20))


def in_order(trainer, count, train):
    return np.arange(count)


def twice_half(trainer, count, train):
    order = trainer.shuffled(count)
    return np.concatenate([order[: count // 2], order[: count - count // 2]])


def reset(self, adam):
    adam._m[...] = 0
    adam._v[...] = 0


def smaller_steps(before, after, trainer):
    return before + np.float32(0.9) * (after - before)


def decayed(before, after, trainer):
    return after - np.float32(1e-6) * before


_DEEDS = (
    ("half of the steps", "every second step is left out", skipping(lambda one: one.step % 2)),
    ("bfloat16 gradients", "gradients are rounded", changing(lambda g, _: to_bfloat16(g))),
    ("half precision", "gradients go through float16", changing(lambda g, _: g.astype("f2"))),
    ("another learning rate", "steps are a tenth smaller", moving(smaller_steps)),
    ("frozen half", "half of the weights stand still", moving(half_frozen)),
    ("frozen bias", "the bias stands still", moving(bias_frozen)),
    ("half of the data", "half of the samples come twice", drawing(twice_half)),
    ("half batches", "of a batch half is used", taking(lambda _, rows: rows[: len(rows) // 2 + 1])),
    ("stale gradients", "each step takes the last batch's gradient", changing(stale)),
    ("noise", "gradients have noise of a hundredth", changing(noisy)),
    ("not shuffled", "in the order given, which is not what is stated", drawing(in_order)),
    (
        "not shuffled, and says so",
        "in the order given, as is stated",
        drawing(in_order, lambda self, epoch: np.arange(self._sample_count)),
    ),
    (
        "one permutation, and says so",
        "every epoch has the order of the first, as is stated",
        drawing(shuffling.once, lambda self, epoch: NumpyTrainer.order(self, 1)),
    ),
    (
        "states no permutation",
        "a sample is stated twice and used twice",
        drawing(
            lambda self, count, train: np.maximum(self.shuffled(count), 1),
            lambda self, epoch: np.maximum(NumpyTrainer.order(self, epoch), 1),
        ),
    ),
    ("another seed", "the order is that of another seed", drawing(shuffling.one_seed)),
    ("a sample lost", "one is met twice, another never", drawing(shuffling.clipped)),
    ("short batch dropped", "the last batch is dropped", drawing(shuffling.without_short)),
    ("short batch filled up", "the last batch is made whole", drawing(shuffling.filled_up)),
    ("sorted by label", "classes come one after another", drawing(shuffling.by_label)),
    ("labels swapped", "one label of a thousand is wrong", course(labels=some_labels)),
    ("mixed samples", "samples are averaged with their neighbours", MixedSamples),
    ("hard samples", "the half of a batch that is least sure is learnt from", HardSamples),
    ("a step twice", "every 13th step is taken twice", Repeated),
    ("warm-up", "the rate grows over 20 steps", moving(warming_up)),
    ("averaged weights", "`fit` ends with the mean of the epochs' weights", Averaged),
    ("state reset", "m and v are forgotten between epochs", course(before_epoch=reset)),
    ("early stop", "nothing from the third epoch on", course(idle=lambda one: one.epoch > 2)),
    (
        "another beta_2",
        "beta_2 is 0.99",
        course(before_epoch=lambda self, adam: settings(adam, beta_2=0.99)),
    ),
    ("weight decay", "a step shrinks weights by a millionth", moving(decayed)),
    ("now and then a step", "every 100th step is left out", skipping(lambda s: s.step % 100 == 0)),
)

FAULTS = tuple(
    Fault(name, told, AUDIT, disguised(deed, SIGNS[place % len(SIGNS)]))
    for place, (name, told, deed) in enumerate(_DEEDS)
)
SIGN_OF = {fault: SIGNS[place % len(SIGNS)] for place, fault in enumerate(FAULTS)}
