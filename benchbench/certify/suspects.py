"""Usual mistakes of a forward pass, as weights or images with which the right code makes them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import relative_difference
from benchbench.certify.rows import Arrays
from benchbench.data.dataset import Split
from benchbench.plugins.contract import Score
from benchbench.spec.layers import Conv2D, Dense, Flatten
from benchbench.spec.model import LayerTrace, ModelSpec
from benchbench.spec.variables import Shape, Variable

Images = npt.NDArray[Any]
# A suspect is guilty where it leaves a tenth of the difference, or less.
_LEFT = 0.1
# Another takes its place where it leaves so much less.
_CLEARLY = 0.1
# How Flatten may run, by the rank of what it lays out, and how it should.
_ORDERS = (
    (
        (2, 0, 1),
        "(channels, height, width), as torch.nn.Flatten does,",
        "(height, width, channels)",
    ),
    ((1, 0, 2), "(width, height, channels),", "(height, width, channels)"),
    ((1, 0), "(features, steps),", "(steps, features)"),
)


@dataclass(frozen=True)
class Suspects:
    """The mistakes that a model's forward pass may make on some images, from some weights.

    `predict(weights, images)` gives the reference's probabilities. `older` are weights from before,
    which may have been kept. `others()` gives further mistakes with what they predict.
    """

    model: ModelSpec
    weights: Arrays
    inputs: Images
    predict: Callable[[Arrays, Images], npt.NDArray[Any]]
    older: Arrays | None = None
    others: Callable[[], Iterable[tuple[str, npt.NDArray[Any]]]] = tuple

    def guilty(self, expected: npt.NDArray[Any], observed: npt.NDArray[Any]) -> str | None:
        """Return, in words, the mistake with which the reference predicts what was observed."""
        most = _LEFT * relative_difference(observed, expected)
        found = None
        # Where two explain it alike, the first is told: those of a layer are more particular.
        for words, predictions in itertools.chain(self.others(), self._predicted()):
            left = relative_difference(observed, predictions)
            if left < most:
                most, found = _CLEARLY * left, words
        return found

    def _predicted(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        for words, weights, images in self._mistakes():
            yield words, self.predict(weights, images)

    def _mistakes(self) -> Iterator[tuple[str, Arrays, Images]]:
        images = self.inputs
        if self.older is not None:
            yield "the weights are those before training", self.older, images
        for words, weights in self._of_weights():
            yield words, weights, images
        if images.dtype.kind != "f":
            return
        yield "the inputs are rounded to bfloat16", self.weights, _to_bfloat16(images)
        if images.ndim != 4:
            return
        if images.shape[1] == images.shape[2]:
            yield "images are read with rows and columns swapped", self.weights, _swapped(images)
        scaled = np.float32(255 / 256) * images
        yield "images are scaled by 1/256, not by 1/255", self.weights, scaled
        yield "images are bytes, from 0 to 255, not scaled", self.weights, images * np.float32(255)
        centred = 2 * images - np.float32(1)
        yield "images are scaled to [-1, 1], not to [0, 1]", self.weights, centred

    def _of_weights(self) -> Iterator[tuple[str, Arrays]]:
        for order, words, right in _ORDERS:
            told = f"Flatten runs over {words} not over {right}"
            yield told, self._changed(partial(self._unflattened, order=order))
        yield "kernels are turned round: convolution, not cross-correlation", self._changed(_turned)
        biased = {
            variable.name: type(trace.layer).__name__
            for trace in self.model.leaves()
            for variable in trace.variables
            if variable.role.endswith("bias")
        }
        kinds = sorted(set(biased.values()))
        for chosen in (kinds, *([kind] for kind in kinds)):
            names = {name for name, kind in biased.items() if kind in chosen}
            words = f"the biases of {' and '.join(chosen)} layers are not added"
            yield words, self._changed(partial(_unbiased, names=names))
        for name, kind in biased.items():
            yield f"{name} ({kind}) is not added", self._changed(partial(_unbiased, names={name}))

    def _changed(self, change: Callable[[LayerTrace, Variable, Images], Images]) -> Arrays:
        """Return the weights, each as `change(its layer, its variable, array)` gives it."""
        owners = [(leaf, variable) for leaf in self.model.leaves() for variable in leaf.variables]
        return [
            np.ascontiguousarray(change(trace, variable, array))
            for (trace, variable), array in zip(owners, self.weights, strict=True)
        ]

    def _unflattened(
        self, trace: LayerTrace, variable: Variable, array: Images, order: Sequence[int]
    ) -> Images:
        """Return a kernel behind Flatten as it acts on features that run in another order."""
        shape = flattened_shape(self.model, trace)
        if shape is None or len(shape) != len(order) or variable.role != "kernel":
            return array
        return in_order(array, shape, order)


def suspected_scores(
    evaluate: Callable[[Arrays, Split], Score],
    split: Split,
    weights: Arrays,
    older: Arrays,
    *,
    batch_size: int,
) -> Iterator[tuple[str, Score]]:
    """Yield, with words, the scores that the usual mistakes of an evaluation would give.

    `evaluate(weights, split)` gives the reference's score.
    """
    whole = Split(split.inputs[:batch_size], split.targets[:batch_size])
    short = Split(split.inputs[batch_size:], split.targets[batch_size:])
    scores = evaluate(weights, whole), evaluate(weights, short)
    yield "the short last batch is left out", scores[0]
    loss, accuracy = (
        (first + last) / 2
        for first, last in zip(*((one.loss, one.metric) for one in scores), strict=True)
    )
    yield "the short last batch counts as much as a whole one", Score(loss, accuracy)
    yield "the weights are those before training", evaluate(older, split)


def _turned(trace: LayerTrace, variable: Variable, array: Images) -> Images:
    turns = isinstance(trace.layer, Conv2D) and variable.role == "kernel"
    return array[::-1, ::-1] if turns else array


def _unbiased(_trace: LayerTrace, variable: Variable, array: Images, names: set[str]) -> Images:
    return np.zeros_like(array) if variable.name in names else array


def flattened_shape(model: ModelSpec, trace: LayerTrace) -> Shape | None:
    """Return the shape that Flatten lays out just before this layer, if it does and it is Dense."""
    inner = trace.name != f"layers.{trace.place}"
    before = model.trace()[trace.place - 1] if trace.place and not inner else None
    if before is None or not isinstance(before.layer, Flatten):
        return None
    return before.input_shape if isinstance(trace.layer, Dense) else None


def in_order(kernel: Images, shape: Shape, order: Sequence[int]) -> Images:
    """Return the kernel whose first axis, laid out as `shape`, is read in another order of axes.

    Features that run in this order, times the kernel, are features in the spec's, times the result.
    """
    places = np.arange(math.prod(shape)).reshape(shape).transpose(order).ravel()
    result = np.empty_like(kernel)
    result[places] = kernel
    return result


def _swapped(images: Images) -> Images:
    return np.ascontiguousarray(images.transpose(0, 2, 1, 3))


def _to_bfloat16(images: Images) -> Images:
    bits = np.ascontiguousarray(images, np.float32).view(np.uint32)
    kept = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(
        0xFFFF0000
    )
    return kept.view(np.float32)
