"""Faults of embeddings, recurrent layers and attention, each as a port makes it."""

from __future__ import annotations

import math

import numpy as np
from benchbench_numpy.layers import (
    GRU,
    LSTM,
    Attention,
    Embedding,
    Flatten,
    PositionEmbedding,
    softmax,
)
from benchbench_numpy.network import Network
from benchbench_numpy.optimizers import Adam, RMSprop

import benchbench
from benchbench import TrainingProtocol
from benchbench.certify.exercise import TRAINED
from faulty.fault import Fault, FaultyTrainer
from faulty.sequence_models import has

FORWARD, ONE = "forward", "update after 1 step"
PROTOCOL = TrainingProtocol(batch_size=32)
PLAIN = TrainingProtocol(batch_size=32, optimizer=benchbench.SGD(0.1))
RMSPROP = TrainingProtocol(batch_size=32, optimizer=benchbench.RMSprop())
CLIPPED = TrainingProtocol(batch_size=32, optimizer=benchbench.SGD(0.1), clip_norm=0.05)
CLIPPED_ADAM = TrainingProtocol(batch_size=32, clip_norm=0.05)

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


# Attention.


class Unscaled(Attention):
    def _scaled(self, products):
        return products


class ScaledByFeatures(Attention):
    """Divides by the root of all features, not of a head's."""

    def _scaled(self, products):
        products /= products.dtype.type(self._root * math.sqrt(self._heads))
        return products


class Unmasked(Attention):
    def __init__(self, *arrays, heads, causal):
        super().__init__(*arrays, heads=heads, causal=False)


class AlwaysMasked(Attention):
    def __init__(self, *arrays, heads, causal):
        super().__init__(*arrays, heads=heads, causal=True)


def masked_by(hides, value=-np.inf):
    """Return a layer that hides what `hides(to, of)` says, by adding `value`."""

    class Masked(Attention):
        def forward(self, x):
            with np.errstate(invalid="ignore"):  # a place that sees none has no mean
                return super().forward(x)

        def _likeness(self, q, k):
            causal, self._causal = self._causal, False
            likeness = super()._likeness(q, k)
            self._causal = causal
            if causal:
                places = np.arange(likeness.shape[-1])
                likeness[..., hides(places[:, None], places[None])] += np.float32(value)
            return likeness

    return Masked


class OverQueries(Attention):
    def share(self, likeness):
        return np.swapaxes(softmax(np.swapaxes(likeness, -1, -2)), -1, -2)


class OverKeysOfAllHeads(Attention):
    """Softmax over the heads."""

    def share(self, likeness):
        return np.swapaxes(softmax(np.swapaxes(likeness, 1, -1)), 1, -1)


class SizesBeforeHeads(Attention):
    """Splits the features as (size, heads)."""

    def _split(self, joined, shape=None):
        n, steps, features = shape or joined.shape
        size = features // self._heads
        return joined.reshape(n, steps, size, self._heads).transpose(0, 3, 1, 2)

    def _join(self, split):
        n, heads, steps, size = split.shape
        return split.transpose(0, 2, 3, 1).reshape(n, steps, heads * size)


class AttentionOverSamples(Attention):
    def forward(self, x):
        y = super().forward(np.ascontiguousarray(x.transpose(1, 0, 2)))
        return np.ascontiguousarray(y.transpose(1, 0, 2))


class Leaking(Network):
    def forward(self, inputs):
        logits = super().forward(inputs)
        return logits + np.float32(1e-5) * logits.mean(axis=1, keepdims=True)


class NoValueBias(Attention):
    def forward(self, x):
        kernel, bias = self._weights[2]
        self._weights[2] = kernel, np.zeros_like(bias)
        y = super().forward(x)
        self._weights[2] = kernel, bias
        return y


class SharesDetached(Attention):
    """Passes no derivative through the softmax."""

    def backward_parameters(self, dy):
        q, k = self._q, self._k
        self._q, self._k = np.zeros_like(q), np.zeros_like(k)
        super().backward_parameters(dy)


# Embeddings.


class LastOccurrence(Embedding):
    def backward_parameters(self, dy):
        self._gradient[...] = 0
        flat = dy.reshape(-1, dy.shape[-1])
        for place, token in enumerate(self._tokens.ravel()):
            self._gradient[token] = flat[place]


class MeanOfOccurrences(Embedding):
    def backward_parameters(self, dy):
        super().backward_parameters(dy)
        for token in np.unique(self._tokens):
            self._gradient[token] /= np.count_nonzero(self._tokens == token)


class PaddingIndex(Embedding):
    """Does not train row 0, as torch's padding_idx=0."""

    def backward_parameters(self, dy):
        super().backward_parameters(dy)
        self._gradient[0] = 0


class ScaledEmbedding(Embedding):
    def forward(self, x):
        y = super().forward(x)
        return y * np.float32(math.sqrt(y.shape[-1]))


class Frozen(Embedding):
    def backward_parameters(self, dy):
        self._gradient[...] = 0


class Slices(Embedding):
    """Notes the squares of all rows of its gradient, of which none have been summed."""

    squares = np.zeros(0)

    def backward_parameters(self, dy):
        super().backward_parameters(dy)
        squares = np.zeros_like(self._gradient)
        np.add.at(squares, self._tokens, np.square(dy))
        Slices.squares = squares.ravel()


def _squares(gradient, factor=1.0):
    squares = np.square(gradient)
    squares[: Slices.squares.size] = Slices.squares * np.float32(factor) ** 2
    return squares


class AdamOfSlices(Adam):
    """Squares the rows of slices one by one, as Keras on TensorFlow."""

    def move(self, parameters, gradient, rate):
        adam = self._settings
        self._m += (1 - adam.beta_1) * (gradient - self._m)
        self._v += (1 - adam.beta_2) * (_squares(gradient) - self._v)
        rate *= math.sqrt(1 - adam.beta_2**self._step) / (1 - adam.beta_1**self._step)
        parameters -= rate * self._m / (np.sqrt(self._v) + np.float32(adam.epsilon))


class RMSpropOfSlices(RMSprop):
    def move(self, parameters, gradient, rate):
        rho = self._settings.rho
        self._v += (1 - rho) * (_squares(gradient) - self._v)
        parameters -= rate * gradient / np.sqrt(self._v + np.float32(self._settings.epsilon))


def clipped_by_slices(gradient, largest):
    norm = math.sqrt(float(_squares(gradient).sum()))
    return gradient * np.float32(largest / norm) if norm > largest else gradient


def clipped_with_slices(gradient, largest):
    """Scale the slices too, which are squared afterwards."""
    norm = math.sqrt(float(_squares(gradient).sum()))
    factor = np.float32(min(1.0, largest / norm))
    Slices.squares = Slices.squares * factor**2
    return gradient * factor


class FeaturesFirst(Flatten):
    """Lays out all steps of the first feature, then those of the next."""

    def forward(self, x):
        return x.transpose(0, 2, 1).reshape(len(x), -1)

    def backward_input(self, dy):
        steps, features = self._input_shape
        return dy.reshape(len(dy), features, steps).transpose(0, 2, 1)


class NoPositions(PositionEmbedding):
    def forward(self, x):
        return x


def positions_at(places):
    class Moved(PositionEmbedding):
        def forward(self, x):
            return x + self._embeddings[places(len(self._embeddings))]

    return Moved


class FrozenPositions(PositionEmbedding):
    def backward_parameters(self, dy):
        self._gradient[...] = 0


def fault(name, description, part, kind, where=FORWARD, *, applies, under=PROTOCOL, **options):
    """Return a fault that puts `kind` in the place of the network's `part`."""
    return Fault(
        name,
        description,
        where,
        parts={f"network.{part}": kind, **options.pop("parts", {})},
        applies=applies,
        protocol=under,
        **options,
    )


IS_LSTM, IS_GRU = has(benchbench.LSTM), has(benchbench.GRU)
LAST_LSTM, LAST_GRU = (
    has(kind, return_sequences=False) for kind in (benchbench.LSTM, benchbench.GRU)
)
ATTENDS = has(benchbench.MultiHeadAttention)
CAUSAL = has(benchbench.MultiHeadAttention, causal=True)
NOT_CAUSAL = has(benchbench.MultiHeadAttention, causal=False)
EMBEDS, PLACED = has(benchbench.Embedding), has(benchbench.PositionEmbedding)

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
    fault("no scale", "likeness is not divided by sqrt(size)", "Attention",
          Unscaled, applies=ATTENDS),
    fault("scale of all features", "likeness is divided by sqrt(features)", "Attention",
          ScaledByFeatures, applies=ATTENDS),
    fault("no mask", "the causal mask is left out", "Attention", Unmasked, applies=CAUSAL),
    fault("mask transposed", "a place sees those from it on", "Attention",
          masked_by(lambda to, of: of < to), applies=CAUSAL),
    fault("mask inverted", "True is taken for blocked", "Attention",
          masked_by(lambda to, of: of <= to, -1e9), applies=CAUSAL),
    fault("mask inverted to NaN", "True is taken for blocked", "Attention",
          masked_by(lambda to, of: of <= to), applies=CAUSAL),
    fault("mask off by one", "a place does not see itself, but for the first", "Attention",
          masked_by(lambda to, of: (of >= to) & (of > 0)), applies=CAUSAL),
    Fault("leak", "predictions take up a little of all places: below what 'forward' allows",
          "causality", parts={"trainer.Network": Leaking}, applies=CAUSAL, protocol=PROTOCOL),
    fault("mask too many", "attention is causal where it should not be", "Attention",
          AlwaysMasked, applies=NOT_CAUSAL),
    fault("softmax over queries", "shares sum to 1 over the wrong axis", "Attention",
          OverQueries, applies=ATTENDS),
    fault("softmax over heads", "shares sum to 1 over the heads", "Attention",
          OverKeysOfAllHeads, applies=NOT_CAUSAL),
    fault("sizes before heads", "features are split as (size, heads)", "Attention",
          SizesBeforeHeads, applies=ATTENDS),
    fault("attention over the batch", "the axes of batch and time are confused", "Attention",
          AttentionOverSamples, applies=NOT_CAUSAL),
    fault("no value bias", "the value's bias is not added (it is 0 at fresh weights)", "Attention",
          NoValueBias, applies=ATTENDS, starts=(TRAINED,)),
    fault("shares detached", "no derivative passes through the softmax", "Attention",
          SharesDetached, ONE, applies=ATTENDS),
    fault("last occurrence", "of a token's gradients the last one counts alone", "Embedding",
          LastOccurrence, ONE, applies=EMBEDS),
    fault("mean of occurrences", "a token's gradients are averaged", "Embedding",
          MeanOfOccurrences, ONE, applies=EMBEDS, under=PLAIN),
    fault("padding_idx", "row 0 is not trained", "Embedding", PaddingIndex, ONE, applies=EMBEDS),
    fault("scaled embeddings", "they are multiplied by sqrt(features)", "Embedding",
          ScaledEmbedding, applies=EMBEDS),
    fault("embeddings frozen", "they are not trained", "Embedding", Frozen, ONE, applies=EMBEDS),
    fault("slices under Adam", "rows of a gradient are squared before they are summed",
          "Embedding", Slices, ONE, applies=EMBEDS, parts={"optimizers.Adam": AdamOfSlices}),
    fault("slices under RMSprop", "rows of a gradient are squared before they are summed",
          "Embedding", Slices, ONE, applies=EMBEDS, under=RMSPROP,
          parts={"optimizers.RMSprop": RMSpropOfSlices}),
    fault("slices clipped", "the norm is that of rows that are not summed",
          "Embedding", Slices, ONE, applies=EMBEDS, under=CLIPPED,
          parts={"optimizers.clipped": clipped_by_slices}),
    fault("slices clipped under Adam", "the norm, and the squares, are those of such rows",
          "Embedding", Slices, ONE, applies=EMBEDS, under=CLIPPED_ADAM,
          parts={"optimizers.clipped": clipped_with_slices, "optimizers.Adam": AdamOfSlices}),
    fault("features first", "Flatten runs over features, then steps", "Flatten",
          FeaturesFirst, applies=has(benchbench.Flatten)),
    fault("no positions", "places have no embedding", "PositionEmbedding",
          NoPositions, applies=PLACED),
    fault("positions shifted", "place t has the row of place t + 1", "PositionEmbedding",
          positions_at(lambda n: np.minimum(np.arange(n) + 1, n - 1)), applies=PLACED),
    fault("positions from the end", "they run from the last to the first", "PositionEmbedding",
          positions_at(lambda n: np.arange(n)[::-1]), applies=PLACED),
    fault("positions alike", "every place has the row of place 0", "PositionEmbedding",
          positions_at(lambda n: np.zeros(n, int)), applies=PLACED),
    fault("positions frozen", "they are not trained", "PositionEmbedding",
          FrozenPositions, ONE, applies=PLACED),
)  # fmt: skip
