"""Faults of recurrent layers, each as a port makes it."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.layers import (
    GRU,
    LSTM,
)
from benchbench_numpy.optimizers import Adam

import benchbench
from benchbench.certify.exercise import TRAINED
from faulty.fault import Fault, FaultyTrainer
from faulty.parts import ONE, PROTOCOL, fault
from faulty.sequence_models import has

# Recurrent layers. Where a forward pass is wrong, the way back stays the right one's: a fault is
# caught before it is gone.


def gates_read_as(kind, order):
    """Return a layer that reads its columns in another order; `order` is where each gate lies."""

    class Reordered(kind):
        def _go(self, driven):
            units = self._units
            columns = np.concatenate(
                [np.arange(place * units, (place + 1) * units) for place in order]
            )
            right = self._recurrent, self._bias
            self._recurrent, self._bias = right[0][:, columns], right[1][:, columns]
            super()._go(driven[..., columns])
            self._recurrent, self._bias = right

    return Reordered


class ForgetBiasAdded(LSTM):
    """Adds 1 to the forget gate as it runs, as TensorFlow 1."""

    added = 1

    def _go(self, driven):
        driven = driven.copy()
        driven[..., self._units : 2 * self._units] += self.added
        super()._go(driven)


class ForgetBiasMissing(ForgetBiasAdded):
    added = -1


class ForgetsNothing(LSTM):
    """Has no forget gate, as the LSTM of 1997."""

    def _go(self, driven):
        driven = driven.copy()
        driven[..., self._units : 2 * self._units] = 100
        kept = self._recurrent
        self._recurrent = kept.copy()
        self._recurrent[:, self._units : 2 * self._units] = 0
        super()._go(driven)
        self._recurrent = kept


class Stateful(LSTM):
    """Goes on from the last batch's state."""

    last = None

    def _go(self, driven):
        if self.last is not None and self.last.shape == self._h[0].shape:
            self._h[0] = self.last
        super()._go(driven)
        self.last = self._h[-1].copy()


def of_first_step(kind):
    class FirstStep(kind):
        def forward(self, x):
            y = super().forward(x)
            return y if self._return_sequences else self._h[1].copy()

    return FirstStep


def over_samples(kind):
    """Return a layer that takes the batch for time, as torch's with batch_first=False."""

    class OverSamples(kind):
        def forward(self, x):
            every, self._return_sequences = self._return_sequences, True
            y = super().forward(np.ascontiguousarray(x.transpose(1, 0, 2))).transpose(1, 0, 2)
            self._return_sequences = every
            return np.ascontiguousarray(y if every else y[:, -1])

    return OverSamples


def from_the_end(kind):
    class FromTheEnd(kind):
        def forward(self, x):
            y = super().forward(np.ascontiguousarray(x[:, ::-1]))
            return np.ascontiguousarray(y[:, ::-1]) if self._return_sequences else y

    return FromTheEnd


def cut_off(kind):
    """Return a layer whose derivative does not pass through the recurrent product."""

    class CutOff(kind):
        def _return(self, dh):
            right = self._recurrent
            self._recurrent = np.zeros_like(right)
            found = super()._return(dh)
            self._recurrent = right
            return found

    return CutOff


def detached(kind):
    """Return a layer whose state is detached at every step: each is derived as if it were alone."""

    class Detached(kind):
        def backward_parameters(self, dy):
            every, steps = self._return_sequences, len(self._h) - 1
            whole = self._x, self._h, self._gates, getattr(self, "_c", None)
            gradients = self._kernel_gradient, self._recurrent_gradient, self._bias_gradient
            sums = [np.zeros_like(one) for one in gradients]
            dx = np.zeros_like(self._x)
            self._return_sequences = True
            for t in range(steps) if every else [steps - 1]:
                self._x, self._h = whole[0][:, t : t + 1], whole[1][t : t + 2]
                self._gates = whole[2][t : t + 1]
                self._c = None if whole[3] is None else whole[3][t : t + 2]
                super().backward_parameters(dy[:, t : t + 1] if every else dy[:, None])
                dx[:, t : t + 1] = super().backward_input(dy)
                sums = [total + one for total, one in zip(sums, gradients, strict=True)]
            self._return_sequences = every
            self._x, self._h, self._gates, self._c = whole
            for total, one in zip(sums, gradients, strict=True):
                one[...] = total
            self._dx = dx

        def backward_input(self, dy):
            return self._dx

    return Detached


class BothBiases(FaultyTrainer):
    """Trains two biases of an LSTM, whose sum is the spec's."""

    def fit(self, train, validation, observer):
        start, parts = 0, []
        for variable in self._trained:
            if variable.role == "bias" and variable.initializer == "ones_of_second_quarter":
                parts.append(slice(start, start + variable.count))
            start += variable.count

        class Twice(Adam):
            def move(self, parameters, gradient, rate):
                before = parameters.copy()
                super().move(parameters, gradient, rate)
                for part in parts:
                    parameters[part] += parameters[part] - before[part]

        self._parts = {**self._parts, "optimizers.Adam": Twice}
        super().fit(train, validation, observer)


def _gru_steps(step):
    """Return a GRU with another formula: step(h, a, b, reset product) gives the next h."""

    class Other(GRU):
        def _go(self, driven):
            super()._go(driven)
            for t in range(len(driven)):
                h, units = self._h[t], self._units
                a = driven[t] + self._bias[0]
                b = h @ self._recurrent + self._bias[1]
                self._h[t + 1] = step(self, h, np.split(a, 3, axis=-1), np.split(b, 3, axis=-1))
                assert self._h[t + 1].shape[-1] == units

    return Other


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@_gru_steps
def ResetBefore(gru, h, a, b):  # noqa: N802 - it is a class
    """Keras's reset_after=False."""
    z, r = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    columns = slice(2 * gru._units, None)
    n = np.tanh(a[2] + (r * h) @ gru._recurrent[:, columns] + gru._bias[1, columns])
    return z * h + (1 - z) * n


@_gru_steps
def Swapped(_gru, h, a, b):  # noqa: N802
    """h = (1 - z) h + z n, as in Cho's paper of 2014."""
    z, r = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    return (1 - z) * h + z * np.tanh(a[2] + r * b[2])


@_gru_steps
def BiasOutside(gru, h, a, b):  # noqa: N802
    """The recurrent bias of n is added beside the reset gate."""
    z, r = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    bias = gru._bias[1, 2 * gru._units :]
    return z * h + (1 - z) * np.tanh(a[2] + bias + r * (b[2] - bias))


class OneBias(GRU):
    """Has no recurrent bias, as Flax's GRUCell."""

    def _go(self, driven):
        right = self._bias
        self._bias = np.stack([right[0], np.zeros_like(right[1])])
        super()._go(driven)
        self._bias = right


IS_LSTM, IS_GRU = has(benchbench.LSTM), has(benchbench.GRU)
LAST_LSTM, LAST_GRU = (
    has(kind, return_sequences=False) for kind in (benchbench.LSTM, benchbench.GRU)
)

FAULTS = (
    fault("gates i, f, o, g", "the LSTM's columns are read in this order", "LSTM",
          gates_read_as(LSTM, (0, 1, 3, 2)), applies=IS_LSTM),
    fault("gates i, g, f, o", "the LSTM's columns are read in this order", "LSTM",
          gates_read_as(LSTM, (0, 2, 1, 3)), applies=IS_LSTM),
    fault("gates i, o, f, g", "the LSTM's columns are read in this order", "LSTM",
          gates_read_as(LSTM, (0, 2, 3, 1)), applies=IS_LSTM),
    fault("forget bias added", "1 is added to the forget gate as it runs", "LSTM",
          ForgetBiasAdded, applies=IS_LSTM),
    fault("forget bias missing", "the 1 in the forget gate's bias is left out", "LSTM",
          ForgetBiasMissing, applies=IS_LSTM),
    fault("no forget gate", "nothing is forgotten", "LSTM", ForgetsNothing, applies=IS_LSTM),
    fault("stateful", "a batch goes on from the state of the batch before", "LSTM",
          Stateful, "loss", applies=LAST_LSTM),
    fault("first step of LSTM", "the first state is given for the last", "LSTM",
          of_first_step(LSTM), applies=LAST_LSTM),
    fault("LSTM over the batch", "the axes of batch and time are confused", "LSTM",
          over_samples(LSTM), applies=IS_LSTM),
    fault("LSTM from the end", "the steps run backwards", "LSTM",
          from_the_end(LSTM), applies=IS_LSTM),
    fault("LSTM cut off", "no derivative passes through the recurrent product", "LSTM",
          cut_off(LSTM), ONE, applies=IS_LSTM),
    fault("LSTM detached", "no derivative passes from step to step", "LSTM",
          detached(LSTM), ONE, applies=IS_LSTM),
    fault("GRU detached", "no derivative passes from step to step", "GRU",
          detached(GRU), ONE, applies=IS_GRU),
    Fault("both biases trained", "the LSTM's bias is the sum of two that are trained", ONE,
          BothBiases, applies=IS_LSTM, protocol=PROTOCOL),
    fault("gates r, z, n", "the GRU's columns are read in torch's order", "GRU",
          gates_read_as(GRU, (1, 0, 2)), applies=IS_GRU),
    fault("reset before", "the reset gate acts before the product", "GRU",
          ResetBefore, applies=IS_GRU),
    fault("z swapped", "z and 1 - z are swapped", "GRU", Swapped, applies=IS_GRU),
    fault("one bias for two", "the recurrent bias is not added (it is 0 at fresh weights)", "GRU",
          OneBias, applies=IS_GRU, starts=(TRAINED,)),
    fault("bias outside", "the recurrent bias of n is not multiplied by the reset gate", "GRU",
          BiasOutside, applies=IS_GRU, starts=(TRAINED,)),
    fault("first step of GRU", "the first state is given for the last", "GRU",
          of_first_step(GRU), applies=LAST_GRU),
    fault("GRU over the batch", "the axes of batch and time are confused", "GRU",
          over_samples(GRU), applies=IS_GRU),
    fault("GRU from the end", "the steps run backwards", "GRU",
          from_the_end(GRU), applies=IS_GRU),
    fault("GRU cut off", "no derivative passes through the recurrent product", "GRU",
          cut_off(GRU), ONE, applies=IS_GRU),
)  # fmt: skip
