"""What differing probabilities look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import relative_difference
from benchbench.certify.suspects import Suspects
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy
from benchbench.spec.task import Task

Probabilities = npt.NDArray[Any]

# Rounding to 8 bits (bfloat16) or 11 (TF32, half) leaves relative differences about this large.
_LOW_PRECISION = (3e-5, 1e-2)
_MOST = 0.9


def of_predictions(
    expected: Probabilities,
    observed: Probabilities,
    *,
    task: Task,
    trained: bool,
    suspects: Suspects | None = None,
) -> str:
    """Say what differing outputs look like; `trained`: of the trainer's own weights."""
    return (
        _not_finite(observed, suspects)
        or _improper(observed, task)
        or _rearranged(expected, observed, task)
        or _some_rows(expected, observed)
        or _mistaken(expected, observed, suspects)
        or _other_function(expected, observed, trained=trained)
    )


def _not_finite(observed: Probabilities, suspects: Suspects | None) -> str | None:
    if np.isfinite(observed).all():
        return None
    told = "there are NaN or infinities among the outputs"
    layers = [leaf.layer for leaf in suspects.model.leaves()] if suspects else []
    if any(getattr(layer, "causal", False) for layer in layers):
        told += ": is a causal mask inverted, so that a place sees none?"
    return told


def _improper(observed: Probabilities, task: Task) -> str | None:
    match task.loss:
        case CrossEntropy():
            sums = observed.sum(axis=-1)
            if np.abs(sums - 1).max() < 1e-3 and observed.min() >= 0:
                return None
            return (
                f"the rows are no probabilities (from {observed.min():.3g} to "
                f"{observed.max():.3g}, with sums from {sums.min():.3g} to {sums.max():.3g}): is "
                f"the softmax missing?"
            )
        case BinaryCrossEntropy() if observed.min() < 0 or observed.max() > 1:
            return (
                f"the outputs are no probabilities (from {observed.min():.3g} to "
                f"{observed.max():.3g}): is the sigmoid missing?"
            )
    return None


def _rearranged(expected: Probabilities, observed: Probabilities, task: Task) -> str | None:
    near = 0.01 * relative_difference(observed, expected)
    exponentials = np.exp(expected)
    match task.loss:
        case CrossEntropy():
            twice = exponentials / exponentials.sum(axis=-1, keepdims=True)
            if relative_difference(observed, twice) < near:
                return (
                    "the softmax is taken twice: this is the softmax of the reference's "
                    "probabilities (torch.nn.CrossEntropyLoss takes one itself: give it logits)"
                )
        case BinaryCrossEntropy():
            if relative_difference(observed, exponentials / (1 + exponentials)) < near:
                return "the sigmoid is taken twice: this is the sigmoid of the probabilities"
            sums = expected.sum(axis=-1, keepdims=True)
            if expected.shape[-1] > 1 and np.abs(observed.sum(axis=-1) - 1).max() < 1e-3:
                told = "each row sums to 1: a softmax stands where each output has its own sigmoid"
                return told if np.abs(sums - 1).max() > 1e-2 else None
    if relative_difference(np.sort(observed, -1), np.sort(expected, -1)) < near:
        return "the same outputs in another order of the classes"
    return None


def _some_rows(expected: Probabilities, observed: Probabilities) -> str | None:
    apart = np.linalg.norm((observed - expected).reshape(len(observed), -1), axis=1)
    wrong = np.flatnonzero(apart > 0.01 * relative_difference(observed, expected))
    if not 0 < len(wrong) < _MOST * len(observed):
        return None
    return (
        f"{len(wrong)} of {len(observed)} rows are wrong, from row {wrong[0]} to {wrong[-1]}, and "
        f"the others right: look at the batches in `predict`, the short one among them, and at "
        f"buffers that are used again"
    )


def _mistaken(
    expected: Probabilities, observed: Probabilities, suspects: Suspects | None
) -> str | None:
    guilty = suspects.guilty(expected, observed) if suspects else None
    return f"the reference predicts the same where {guilty}" if guilty else None


def _other_function(expected: Probabilities, observed: Probabilities, *, trained: bool) -> str:
    difference = relative_difference(observed, expected)
    if trained:
        return (
            f"off by {difference:.1e}: these are not the predictions of the weights that "
            f"`variables` gives after training: does `predict` keep older ones?"
        )
    if _LOW_PRECISION[0] < difference < _LOW_PRECISION[1]:
        return (
            f"a relative difference of {difference:.1e} spread over all samples: it looks like low "
            f"precision (TF32, bfloat16, half), or else like slightly other inputs or activations"
        )
    return (
        f"another function is computed, off by {difference:.1e}: look at pool, padding, "
        f"activation, bias and dropout, and at the order of Flatten, (height, width, channels)"
    )
