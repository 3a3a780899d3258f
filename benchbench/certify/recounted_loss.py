"""The loss of a task, computed anew from what was predicted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy
from benchbench.spec.task import Task

Outputs = npt.NDArray[Any]

# Below this float32 has no probability that all frameworks keep: exp(-87) is 1.6e-38.
_LEAST_PROBABILITY = 1e-37
# A float32 probability near one says how far it is from one to a half of this.
_EPSILON = float(np.finfo(np.float32).eps)
# Two float32 losses over some thousand samples, one from logits and one from probabilities,
# differ by less: a share of the loss, and a sum for one that is hardly above zero.
_SHARE, _SUM = 1e-3, 1e-6
# So many outputs at a time are held in float64.
_CHUNK = 1 << 20


def recounted_loss(task: Task, outputs: Outputs, targets: Outputs) -> tuple[float, float]:
    """Return the least and the greatest loss that these outputs (n, *output_shape) allow.

    They are float32, so a probability near zero or one stands for many logits. The greatest is
    infinite where a target has the probability zero.
    """
    count = len(outputs)
    step = max(1, _CHUNK // max(1, outputs[:1].size))
    least = greatest = 0.0
    for start in range(0, count, step):
        part = slice(start, start + step)
        low, high = _bounds(task, np.asarray(outputs[part], np.float64), targets[part])
        least += low * len(outputs[part]) / count
        greatest += high * len(outputs[part]) / count
    return least - _SHARE * abs(least) - _SUM, greatest + _SHARE * abs(greatest) + _SUM


def agrees(claimed: float, bounds: tuple[float, float]) -> bool:
    """Say whether a claimed loss lies within the bounds."""
    return bounds[0] <= claimed <= bounds[1]


def _bounds(task: Task, outputs: Outputs, targets: Outputs) -> tuple[float, float]:
    rounding = _EPSILON * outputs
    match task.loss:
        case CrossEntropy(smoothing):
            own = np.take_along_axis(outputs, targets[..., None], axis=-1)
            low, high = _surprise(own, _EPSILON * own)
            if not smoothing:
                return float(low.mean()), float(high.mean())
            all_low, all_high = _surprise(outputs, rounding)
            return (
                (1 - smoothing) * float(low.mean()) + smoothing * float(all_low.mean()),
                (1 - smoothing) * float(high.mean()) + smoothing * float(all_high.mean()),
            )
        case BinaryCrossEntropy():
            yes, no = _surprise(outputs, rounding), _surprise(1 - outputs, rounding)
            least, greatest = (
                float(_weighted(targets, of_yes).mean() + _weighted(1 - targets, of_no).mean())
                for of_yes, of_no in zip(yes, no, strict=True)
            )
            return least, greatest
        case _:
            loss = float(np.square(outputs - targets).mean())
            return loss, loss


def _surprise(probabilities: Outputs, rounding: Outputs) -> tuple[Outputs, Outputs]:
    """Return the least and the greatest -log of probabilities that are so far rounded."""
    most = np.clip(probabilities + rounding, _LEAST_PROBABILITY, 1.0)
    least = probabilities - rounding
    with np.errstate(divide="ignore"):
        return -np.log(most), -np.log(np.where(least > _LEAST_PROBABILITY, least, 0.0))


def _weighted(weights: Outputs, values: Outputs) -> Outputs:
    """Return the products; of a weight of zero it is zero, also where the value is infinite."""
    return weights * np.where(weights == 0, 0.0, values)


def in_words(bounds: tuple[float, float]) -> str:
    """Return the bounds as a message has them: one figure where they are near each other."""
    low, high = bounds
    if math.isinf(high):
        return f"{low:.4g} or more"
    if high - low <= 2.5 * (_SHARE * abs(high) + _SUM):
        return f"{(low + high) / 2:.4g}"
    return f"{low:.4g} to {high:.4g}"
