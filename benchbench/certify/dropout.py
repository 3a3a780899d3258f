"""What a backend's dropout does, read off the weights of a network made for it.

One Dense layer behind a Dropout, its weights zero, all inputs 1, plain gradient descent with a rate
so small that the probabilities stay at 1 / classes. A step on one sample then moves row i of the
kernel by `mask_i * rate * (onehot - 1 / classes)`: the mask can be read from the rows, its zeros
and its scale. An epoch has one step, so each mask is read by itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchbench.certify.calls import call
from benchbench.certify.implementation import Implementation
from benchbench.certify.rows import WeightsReader
from benchbench.data.dataset import Split
from benchbench.spec.layers import Dense, Dropout, Flatten
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import SGD
from benchbench.spec.protocol import TrainingProtocol

_UNITS = 512
_CLASSES = 4
_STEPS = 24
_RATE = 2.0**-26
# Rounding of a weight that has grown over all steps, relative to one step.
_NEAR = 1e-3
# How often right masks may break one of the rules, about.
_CHANCE = 1e-7
_LARGE = 4096.0
_PREDICTED = 1e-5

Masks = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DropoutFault:
    """What is wrong with the dropout, in words, and by how much, relative to what is right."""

    words: str
    size: float


def rates_of(model: ModelSpec) -> list[float]:
    """Return the rates above 0 at which the model drops, each once."""
    layers = (leaf.layer for leaf in model.leaves())
    return sorted({layer.rate for layer in layers if isinstance(layer, Dropout) and layer.rate})


def dropout_faults(implementation: Implementation, rate: float, *, seed: int) -> list[DropoutFault]:
    """Return what is wrong with dropout at this rate. Raises Unsupported and PluginRaised."""
    model = ModelSpec(
        "dropout", (_UNITS, 1, 1), (Flatten(), Dropout(rate), Dense(_CLASSES, "softmax"))
    )
    protocol = TrainingProtocol(epochs=_STEPS, batch_size=1, shuffle=False, optimizer=SGD(_RATE))
    start = [np.zeros(shape, np.float32) for shape in model.variable_shapes]
    trainer = implementation.bare_trainer(model, protocol, start, seed=seed)
    reader = WeightsReader(trainer)
    sample = Split(np.ones((1, _UNITS, 1, 1), np.float32), np.zeros(1, np.int64))
    call("fit", trainer.fit, sample, sample, reader)
    rows = np.array([np.zeros(model.parameter_count), *reader.rows])
    kernels = rows[:, : _UNITS * _CLASSES].reshape(-1, _UNITS, _CLASSES)
    masks = np.diff(kernels[..., 0], axis=0) / (_RATE * (1 - 1 / _CLASSES))
    found = list(_mask_faults(masks, rate))
    # Inputs so large that the weights, small as they are, make logits of about one.
    inputs = np.full((1, _UNITS, 1, 1), _LARGE, np.float32)
    observed = np.asarray(call("predict", trainer.predict, inputs), np.float64)
    kernel, bias = (np.asarray(one, np.float64) for one in call("variables", trainer.variables))
    expected = _softmax(_LARGE * kernel.sum(axis=0) + bias)
    off = float(np.abs(observed[0] - expected).max())
    if not off <= _PREDICTED:
        found.append(DropoutFault("dropout acts in `predict`: is the network in evaluation?", off))
    return found


def _mask_faults(masks: Masks, rate: float) -> Iterator[DropoutFault]:
    """Yield what is wrong with masks, (steps, units)."""
    if len(masks) != _STEPS:
        yield DropoutFault(f"`fit` reported {len(masks)} epochs, expected {_STEPS}", math.inf)
        return
    dropped = np.abs(masks) < _NEAR
    count, share = int(dropped.sum()), float(dropped.mean())
    if _chance(count, masks.size, rate) < _CHANCE:
        if not count:
            yield DropoutFault("nothing is dropped in training", rate)
            return
        words = f"{share:.3f} of the values are dropped, the rate is {rate:g}"
        if _chance(count, masks.size, 1 - rate) > _CHANCE:
            words += ": the rate is taken for the share that is kept"
        yield DropoutFault(words, abs(share - rate))
    yield from _scale_faults(masks[~dropped], 1 / (1 - rate))
    # Two masks are the same by chance where nearly all, or nearly nothing, is dropped.
    alike = (rate**2 + (1 - rate) ** 2) ** _UNITS
    repeated = sum(np.array_equal(one, other) for one, other in itertools.pairwise(dropped))
    if repeated and alike * _STEPS < _CHANCE:
        yield DropoutFault(
            f"{repeated} of {len(masks) - 1} steps drop the very values of the step before", 1.0
        )
    if min(_chance(int(step), _UNITS, share) for step in dropped.sum(axis=1)) < _CHANCE / _STEPS:
        yield DropoutFault("values are dropped together, not each on its own", 1.0)


def _scale_faults(kept: Masks, right: float) -> Iterator[DropoutFault]:
    """Yield what is wrong with the factors of the values that are kept."""
    if not kept.size:
        return
    scale = float(np.median(kept))
    if abs(scale / right - 1) > _NEAR:
        words = f"what is kept is scaled by {scale:.4g}, not by 1 / (1 - rate) = {right:.4g}"
        yield DropoutFault(words, abs(scale / right - 1))
    elif np.abs(kept / right - 1).max() > _NEAR:
        yield DropoutFault("what is kept is scaled differently from value to value", 1.0)


def _chance(count: int, trials: int, rate: float) -> float:
    """Return how often so few, or so many, of the trials come out at this rate: one tail."""
    from scipy import special

    fewer = float(special.bdtr(count, trials, rate))
    more = float(special.bdtrc(count - 1, trials, rate)) if count else 1.0
    return min(fewer, more)


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    exponentials = np.exp(logits - logits.max())
    probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum()
    return probabilities
