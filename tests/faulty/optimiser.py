"""Faults of Adam: its settings, its formula, its state."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from benchbench_numpy.optimizers import Adam

from faulty.fault import Fault, FaultyTrainer
from faulty.rounding import to_bfloat16

ONE_STEP, TWO_STEPS = "update after 1 step", "update after 2 steps"


def adam_with(**changes):
    """Return an Adam that takes these settings for the protocol's."""

    class OtherAdam(Adam):
        def __init__(self, settings, *rest):
            super().__init__(msgspec.structs.replace(settings, **changes), *rest)

    return OtherAdam


class TorchAdam(Adam):
    """Adds epsilon to the bias-corrected root, as torch.optim.Adam does."""

    def __init__(self, settings, *rest):
        super().__init__(
            msgspec.structs.replace(settings, epsilon_added_to="corrected_root"), *rest
        )


class WrittenOutAdam(Adam):
    """Adam in one line a quantity, so that one of them can be another."""

    def move(self, parameters, gradient, rate):
        told = self._settings
        self._m += (1 - told.beta_1) * (gradient - self._m)
        self._v += (1 - told.beta_2) * (gradient**2 - self._v)
        parameters -= (rate * self.correction() * self.direction(gradient)).astype(parameters.dtype)

    def correction(self):
        told = self._settings
        return math.sqrt(1 - told.beta_2**self._step) / (1 - told.beta_1**self._step)

    def direction(self, gradient):
        return self._m / (np.sqrt(self._v) + self._settings.epsilon)


class UncorrectedAdam(WrittenOutAdam):
    def correction(self):
        return 1


class EpsilonUnderTheRoot(WrittenOutAdam):
    def direction(self, gradient):
        return self._m / np.sqrt(self._v + self._settings.epsilon)


class LateAdam(Adam):
    """Counts the first step as the second."""

    def __init__(self, *all_of_it):
        super().__init__(*all_of_it)
        self._step = 1


class Nadam(WrittenOutAdam):
    """Looks one step ahead (Dozat 2016), as Nadam does."""

    def direction(self, gradient):
        beta_1 = self._settings.beta_1
        ahead = beta_1 * self._m + (1 - beta_1) * gradient
        return ahead / (np.sqrt(self._v) + self._settings.epsilon)


class AdamW(Adam):
    """Decays the weights beside the gradient, by the 0.01 that is torch.optim.AdamW's default."""

    share = 0.01

    def decay(self, parameters, rate):
        parameters *= np.float32(1 - rate * self.share)


class Bfloat16State(Adam):
    """Keeps m and v in half the memory."""

    def update(self, parameters, gradient):
        super().update(parameters, gradient)
        self._m[...], self._v[...] = to_bfloat16(self._m), to_bfloat16(self._v)


class Forgetful(FaultyTrainer):
    """Makes a new optimiser for every epoch."""

    def _train_epoch(self, train, adam):
        return super()._train_epoch(train, type(adam)(adam._settings, self._network.parameters))


class StepsCountedAnew(FaultyTrainer):
    """Keeps m and v, and counts the steps from 1 in every epoch."""

    def _train_epoch(self, train, adam):
        adam._step = 0
        return super()._train_epoch(train, adam)


class DecayingRate(FaultyTrainer):
    """Takes nine tenths of the learning rate after every epoch."""

    def _train_epoch(self, train, adam):
        loss = super()._train_epoch(train, adam)
        rate = adam._settings.learning_rate
        adam._settings = msgspec.structs.replace(adam._settings, learning_rate=0.9 * rate)
        return loss


def _of_adam(name, description, adam, rung=ONE_STEP):
    return Fault(name, description, rung, parts={"optimizers.Adam": adam})


FAULTS = (
    _of_adam("epsilon 1e-8", "Adam's epsilon is torch's default", adam_with(epsilon=1e-8)),
    _of_adam("epsilon's place", "epsilon joins the corrected root, as in torch", TorchAdam),
    _of_adam("epsilon under the root", "epsilon joins v, under the root", EpsilonUnderTheRoot),
    _of_adam("learning rate 1 % off", "it is 1.01e-3", adam_with(learning_rate=1.01e-3)),
    _of_adam("beta_1 0.95", "m forgets half as fast", adam_with(beta_1=0.95), TWO_STEPS),
    _of_adam("beta_2 0.99", "v forgets ten times as fast", adam_with(beta_2=0.99)),
    _of_adam("no bias correction", "m and v are taken as they are", UncorrectedAdam),
    _of_adam("steps counted from 2", "t is one ahead", LateAdam),
    _of_adam("Nesterov's momentum", "Nadam in place of Adam", Nadam),
    _of_adam("decoupled weight decay", "AdamW with its default, 0.01", AdamW),
    _of_adam("bfloat16 state", "m and v are kept in bfloat16", Bfloat16State, TWO_STEPS),
    Fault("state forgotten", "every epoch begins with m = v = t = 0", "optimiser state", Forgetful),
    Fault(
        "steps counted anew",
        "every epoch begins with t = 0, but with the m and v it had",
        "optimiser state",
        StepsCountedAnew,
    ),
    Fault(
        "learning rate decaying",
        "the learning rate falls by a tenth after every epoch",
        "optimiser state",
        DecayingRate,
    ),
)
