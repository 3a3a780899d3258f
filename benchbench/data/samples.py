"""The samples on which implementations are compared: drawn on the spot, for any shape and task."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.data.dataset import Split
from benchbench.data.tokens import draw_tokens
from benchbench.spec.losses import BinaryCrossEntropy
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import Task, task_of
from benchbench.spec.variables import Shape

# Where there are no classes, the samples are of so many kinds.
_KINDS = 8
# The noise of values, whose deviation is 1 over the kinds.
_TARGET_NOISE = 0.1


def make_split(model: ModelSpec, count: int, *, seed: int) -> Split:
    """Draw `count` smooth samples that fade to exact zeros at the border, as handwritten digits do.

    Each class has a picture of its own, mixed with noise, so that there is something to learn. The
    faint pixels give small gradients: there a misplaced epsilon shows. Images lie in [0, 1], rows
    of a table and sequences in [-1, 1], more or less. Both arrays are read-only.

    Tokens, for a model that takes them: see `tokens.draw_tokens`.
    """
    task = task_of(model, TrainingProtocol())
    kinds, shape = task.classes or _KINDS, model.input_shape
    random = np.random.default_rng(seed)
    of_kind = random.integers(0, kinds, count)
    if model.vocabulary is not None:
        tokens = draw_tokens(model.vocabulary, shape[0], of_kind, kinds, random)
        return _sealed(tokens, _targets(task, of_kind, random))
    pictures = _smooth(np.random.default_rng(0), (kinds, *shape))
    noise = _smooth(random, (count, *shape))
    values = 0.6 * pictures[of_kind] + 0.4 * noise
    if len(shape) == 3:
        values = np.round(np.clip(values, 0, 1) * _fade(shape) * 255) / 255
    else:
        values = (2 * values - 1) * _fade(shape)
    return _sealed(values.astype(np.float32), _targets(task, of_kind, random))


def with_other_targets(task: Task, split: Split) -> Split:
    """Return the split, every third sample with the target of another class, or another's."""
    targets = split.targets.copy()
    if task.classes:
        targets[::3] = (targets[::3] + 1) % task.classes
    else:
        targets[::3] = np.roll(targets[::3], 1, axis=0)
    return _sealed(split.inputs, targets)


def _sealed(inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Split:
    inputs.flags.writeable = targets.flags.writeable = False
    return Split(inputs, targets)


def _targets(
    task: Task, of_kind: npt.NDArray[np.int64], random: np.random.Generator
) -> npt.NDArray[Any]:
    """Return what is to be learnt of samples of these kinds; see `Task` for the form."""
    shape = task.target_shape
    if task.classes:
        if not shape:
            return of_kind
        steps = np.arange(math.prod(shape)).reshape(shape)
        classes: npt.NDArray[np.int64] = np.add.outer(of_kind, steps) % task.classes
        return classes
    table = np.random.default_rng(1).normal(size=(_KINDS, *shape))
    if isinstance(task.loss, BinaryCrossEntropy):
        answers = (table > 0).astype(np.float32)[of_kind]
        # Some are not sure: the formula holds between 0 and 1 too.
        answers[::4] = np.float32(0.1) + np.float32(0.8) * answers[::4]
        return answers
    noise = random.normal(size=(len(of_kind), *shape), scale=_TARGET_NOISE)
    return (table[of_kind] + noise).astype(np.float32)


def _smooth(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Draw noise, averaged over neighbours, spread to a mean of 0.5 and a deviation of 0.3.

    `shape` is (n, height, width, channels), (n, steps, features) or (n, features); neighbours are
    those along all axes but the first and the last, or along the only one.
    """
    noise = random.normal(size=shape)
    for axis in range(1, max(2, len(shape) - 1)):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    spread: npt.NDArray[np.float64] = 0.5 + 0.3 * noise / noise.std()
    return spread


def _fade(shape: Shape) -> npt.NDArray[np.float64]:
    """Return weights for a sample: 1 in the middle, falling to exact 0 at the border.

    Images of fewer than six rows or columns have no dark border there.
    """
    if len(shape) == 3:
        weights: npt.NDArray[np.float64] = np.multiply.outer(_hill(shape[0]), _hill(shape[1]))
        return weights[..., np.newaxis]
    return _hill(shape[0]).reshape(-1, *(1 for _ in shape[1:]))


def _hill(size: int) -> npt.NDArray[np.float64]:
    heights: npt.NDArray[np.float64] = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return np.clip(1.1 * heights - 0.1, 0, 1)
