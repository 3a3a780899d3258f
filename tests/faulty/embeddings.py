"""Faults of embeddings of tokens and of places, each as a port makes it."""

from __future__ import annotations

import math

import numpy as np
from benchbench_numpy.layers import (
    Embedding,
    Flatten,
    PositionEmbedding,
)
from benchbench_numpy.optimizers import Adam, RMSprop

import benchbench
from faulty.parts import CLIPPED, CLIPPED_ADAM, ONE, PLAIN, RMSPROP, fault
from faulty.sequence_models import has


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


EMBEDS, PLACED = has(benchbench.Embedding), has(benchbench.PositionEmbedding)

FAULTS = (
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
