"""Usual mistakes of layers, as another spec or other state under which the reference makes them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import ONE_STEP, Exercise, relative_difference
from benchbench.certify.mistaken_layers import (
    Change,
    of_derivatives,
    of_functions,
    of_orders,
)
from benchbench.certify.mistaken_weights import mistaken_weights
from benchbench.certify.mistaken_windows import of_windows
from benchbench.certify.rows import Arrays, Row, as_row
from benchbench.certify.silent import variable_slices
from benchbench.data.dataset import Split
from benchbench.errors import SpecError
from benchbench.spec.layers import BatchNorm, Conv2D, Layer, LayerNorm, map_layers
from benchbench.spec.model import ModelSpec

if TYPE_CHECKING:
    from benchbench.certify.reference import Reference

# A mistake is told where it leaves this share of the difference, or less.
_LEFT = 0.05

Predictions = npt.NDArray[Any]

# Defaults of epsilon, with who has them.
_EPSILONS = (
    (1e-3, "Keras's default"),
    (1e-5, "torch's default"),
    (1e-6, "Flax's default of LayerNorm"),
)
_ACTIVATIONS = (
    ("gelu", "gelu_tanh", "gelu is taken by its tanh form, the default of jax.nn.gelu"),
    ("gelu_tanh", "gelu", "gelu is taken exactly, not by its tanh form"),
    ("relu6", "relu", "relu stands for relu6: nothing is cut off at 6"),
    ("relu", "relu6", "relu6 stands for relu: what is above 6 is cut off"),
    ("silu", "relu", "relu stands for silu"),
    ("elu", "relu", "relu stands for elu"),
    ("leaky_relu", "relu", "relu stands for leaky_relu"),
    (
        "leaky_relu",
        "leaky_relu 0.01",
        "the slope of leaky_relu below 0 is 0.01, the default of torch and JAX, not 0.2",
    ),
    (
        "leaky_relu",
        "leaky_relu 0.3",
        "the slope of leaky_relu below 0 is 0.3, the default of Keras's layer, not 0.2",
    ),
    (
        "leaky_relu",
        "leaky_relu open at 0",
        "the derivative of leaky_relu at 0 is 1, as JAX's; it is the slope there, 0.2",
    ),
    ("tanh", "sigmoid", "sigmoid stands for tanh"),
)


def variants(
    model: ModelSpec, changes: Iterable[tuple[str, Change]] = ()
) -> Iterator[tuple[str, ModelSpec]]:
    """Yield other specs of the same variables, each with the mistake, in words, that makes it.

    `changes`: those that show in one rung alone.
    """
    for words, change in (*_changes(), *of_functions(), *of_windows(), *changes):
        layers = map_layers(model.layers, change)
        if layers != model.layers:
            # A mistake is no word of the spec, which would refuse it.
            mistaken = copy.copy(model)
            msgspec.structs.force_setattr(mistaken, "layers", layers)
            if _takes_the_same(mistaken, model):
                yield words, mistaken


def _takes_the_same(mistaken: ModelSpec, model: ModelSpec) -> bool:
    """Say whether a mistake leaves all shapes as they are: others are no such mistake."""
    try:
        return mistaken.variable_shapes == model.variable_shapes
    except SpecError:
        return False


def _changes() -> Iterator[tuple[str, Change]]:
    for kind in (BatchNorm, LayerNorm):
        for epsilon, whose in _EPSILONS:
            words = f"the epsilon of {kind.__name__} is {epsilon:g}, {whose}"
            yield words, _with(kind, epsilon=epsilon)
    yield "kernels are not dilated", _with(Conv2D, dilation=(1, 1))
    for name, other, words in _ACTIVATIONS:
        yield words, _activated(name, other)


def _with(kind: type[Layer], **fields: Any) -> Change:
    def change(layer: Layer) -> Layer:
        return msgspec.structs.replace(layer, **fields) if isinstance(layer, kind) else layer

    return change


def _activated(name: str, other: str) -> Change:
    def change(layer: Layer) -> Layer:
        for field in ("activation", "function"):
            if getattr(layer, field, None) == name:
                return msgspec.structs.replace(layer, **{field: other})
        return layer

    return change


def mistaken_layer(
    reference: Reference,
    exercise: Exercise,
    given: Arrays,
    expected: Row,
    observed: Row,
    *,
    draw: int,
) -> str | None:
    """Return, in words, the mistake of a layer with which the reference makes this first update."""
    counts = reference.counted(ONE_STEP)
    left = _LEFT * relative_difference(observed[counts], expected[counts])
    for words, model in variants(exercise.model, of_derivatives()):
        update = reference.with_model(model).step(given, exercise.training(ONE_STEP, draw))
        if relative_difference(observed[counts], update[counts]) < left:
            return f"the reference's update is the same where {words}"
    return None


def mistaken_predictions(
    reference: Reference, exercise: Exercise, weights: Arrays, split: Split
) -> Iterator[tuple[str, Predictions]]:
    """Yield what the reference predicts where a layer is another, or of another mode."""
    for words, model in variants(exercise.model, of_orders()):
        yield words, reference.with_model(model).predict(weights, split.inputs)
    for words, others in mistaken_weights(exercise.model, weights):
        yield words, reference.predict(others, split.inputs)
    if any(isinstance(leaf.layer, BatchNorm) for leaf in exercise.model.leaves()):
        of_batch = _with_statistics_of(reference, exercise, weights, split)
        yield (
            "BatchNorm takes the statistics of the batch, not the moving ones: the network is in "
            "training where it should be in evaluation",
            reference.predict(of_batch, split.inputs),
        )


def _with_statistics_of(
    reference: Reference, exercise: Exercise, weights: Arrays, split: Split
) -> Arrays:
    """Return the weights with the moving statistics of this batch alone."""
    forgetful = map_layers(exercise.model.layers, _with(BatchNorm, momentum=0.0))
    model = msgspec.structs.replace(exercise.model, layers=forgetful)
    change = reference.with_model(model).descend(as_row(weights), split)
    return [
        np.asarray(array)
        if variable.trainable
        else (np.asarray(array) + change[part].reshape(variable.shape)).astype(np.float32)
        for array, variable, part in zip(
            weights, model.variables, variable_slices(model.variables), strict=True
        )
    ]
