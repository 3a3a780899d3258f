"""Faults of attention, each as a port makes it."""

from __future__ import annotations

import math

import numpy as np
from benchbench_numpy.layers import (
    Attention,
    softmax,
)
from benchbench_numpy.network import Network

import benchbench
from benchbench.certify.exercise import TRAINED
from faulty.fault import Fault
from faulty.parts import ONE, PROTOCOL, fault
from faulty.sequence_models import has


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


ATTENDS = has(benchbench.MultiHeadAttention)
CAUSAL = has(benchbench.MultiHeadAttention, causal=True)
NOT_CAUSAL = has(benchbench.MultiHeadAttention, causal=False)

FAULTS = (
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
)  # fmt: skip
