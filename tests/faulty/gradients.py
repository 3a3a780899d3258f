"""Faults between the loss and the optimiser: what becomes of the gradient."""

from __future__ import annotations

import math

import numpy as np
from benchbench_numpy.network import Network
from benchbench_numpy.optimizers import Adam

from benchbench.certify.exercise import SATURATED
from faulty.fault import Fault, has_hidden_layer


class LastBiasUntrained(Network):
    """Does not count the output layer's bias among the trainable arrays."""

    untrained = 1

    def __init__(self, model, **options):
        super().__init__(model, **options)
        self._trained = sum(math.prod(shape) for shape in model.variable_shapes[: -self.untrained])

    def backward(self, logits, labels):
        super().backward(logits, labels)
        self.gradient[self._trained :] = 0


class LastLayerFrozen(LastBiasUntrained):
    untrained = 2


class FirstBiasUntrained(Network):
    def __init__(self, model, **options):
        super().__init__(model, **options)
        kernel, bias = (math.prod(shape) for shape in model.variable_shapes[:2])
        self._bias = slice(kernel, kernel + bias)

    def backward(self, logits, labels):
        super().backward(logits, labels)
        self.gradient[self._bias] = 0


class SummedGradients(Network):
    """Sums the loss over the batch."""

    def backward(self, logits, labels):
        super().backward(logits, labels)
        self.gradient *= len(labels)


class ClippingAdam(Adam):
    def update(self, parameters, gradient):
        super().update(parameters, gradient / max(1, np.linalg.norm(gradient)))


class DecayingAdam(Adam):
    """Adds an L2 penalty's derivative to the gradient, as torch.optim.Adam's weight_decay does."""

    def update(self, parameters, gradient):
        super().update(parameters, gradient + np.float32(1e-5) * parameters)


class AccumulatingAdam(Adam):
    """Never sets the gradient to zero: each batch's is added to those before."""

    def update(self, parameters, gradient):
        self._sum = getattr(self, "_sum", 0) + gradient
        super().update(parameters, self._sum)


FAULTS = (
    Fault(
        "last bias not trained",
        "the output layer's bias stays as it was",
        "update after 1 step",
        parts={"trainer.Network": LastBiasUntrained},
    ),
    Fault(
        "first bias not trained",
        "the first layer's bias stays as it was",
        "update after 1 step",
        parts={"trainer.Network": FirstBiasUntrained},
        applies=has_hidden_layer,
    ),
    Fault(
        "last layer frozen",
        "the output layer stays as it was",
        "update after 1 step",
        parts={"trainer.Network": LastLayerFrozen},
    ),
    Fault(
        "gradients summed",
        "the loss of a batch is the sum over its samples",
        "update after 1 step",
        parts={"trainer.Network": SummedGradients},
    ),
    Fault(
        "gradients clipped",
        "the gradient is scaled down to norm 1",
        "update after 1 step",
        parts={"optimizers.Adam": ClippingAdam},
        starts=(SATURATED,),
    ),
    Fault(
        "gradients accumulated",
        "the gradient is not set to zero between batches",
        "update after 2 steps",
        parts={"optimizers.Adam": AccumulatingAdam},
    ),
    Fault(
        "weight decay 1e-5",
        "an L2 penalty of 1e-5 in the gradient",
        "update after 1 step",
        parts={"optimizers.Adam": DecayingAdam},
    ),
)
