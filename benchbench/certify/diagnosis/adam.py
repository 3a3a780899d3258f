"""What shows in an update that Adam made: its epsilon, its decay, its number of steps."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from benchbench.certify.diagnosis.signs import Signs, Update
from benchbench.certify.rows import Row
from benchbench.spec.optimizers import Adam, AdamW

_MOST = 0.9
# Fewer weights may look like anything.
_FEWEST = 32


def steps(update: Update) -> str | None:
    """Recognise more or fewer steps than there are batches.

    A weight whose gradient keeps its sign and size moves by the learning rate at every step, and
    hardly any moves further.
    """
    if _adam(update).schedule is not None:
        return None
    rate = _adam(update).rate_at(0)
    ours, theirs = (np.abs(row).max() / rate for row in (update.expected, update.observed))
    apart = abs(theirs - ours)
    if apart < 0.5 or abs(apart - round(apart)) > 0.08:
        return None
    more = theirs > ours
    where = (
        "a batch used twice, or validation images trained on"
        if more
        else "a batch or an epoch left out"
    )
    return (
        f"the furthest weight moves {theirs:.1f} times the learning rate, not {ours:.1f}: are "
        f"there {'more' if more else 'fewer'} steps than there should be ({where})?"
    )


def decay(update: Update) -> str | None:
    """Recognise weights that shrink: of themselves, or by a penalty in the gradient."""
    expected, observed, weights = update.expected, update.observed, update.weights
    if weights is None or not weights.any():
        return None
    shrunk = _slope(weights, expected - observed)
    if shrunk is not None:
        return (
            f"weights shrink by {shrunk:.1e} of themselves: look at decoupled weight decay (AdamW: "
            f"0.01 by default in torch, 0.004 in Keras, times the learning rate)"
        )
    resting = (expected == 0) & (weights != 0)
    pulled = np.sign(observed[resting]) == -np.sign(weights[resting])
    if resting.sum() >= _FEWEST and pulled.mean() > _MOST:
        return (
            f"{resting.sum()} weights that have no gradient move towards 0: look at weight decay, "
            f"or another penalty on the weights"
        )
    if not update.first:
        return None
    clear, ours, theirs = _gradients(_adam(update), expected, observed)
    penalty = _slope(weights[clear], theirs - ours)
    if penalty is None:
        return None
    return f"gradients are off by {penalty:.1e} times the weight: look at weight decay"


def _slope(weights: Row, differences: Row) -> float | None:
    """Return the positive factor by which the differences are the weights, if they are."""
    if len(weights) < _FEWEST:
        return None
    slope = float(differences @ weights / (weights @ weights))
    rest = np.linalg.norm(differences - slope * weights)
    return slope if slope > 0 and rest < 0.3 * np.linalg.norm(differences) else None


def small_gradients(update: Update) -> str | None:
    """Recognise a difference where gradients are small, and the epsilon that would make it.

    Of a first step only.
    """
    if not update.first:
        return None
    adam, expected, observed = _adam(update), update.expected, update.observed
    clear, ours, theirs = _gradients(adam, expected, observed)
    if clear.sum() >= 10:
        found = float(np.median(adam.epsilon * ours / theirs))
        share = np.abs(expected) / adam.rate_at(0)
        # |g| / (|g| + e) with another e, from the share that it is with the right one.
        other = share / (share + (1 - share) * found / adam.epsilon)
        rest = np.linalg.norm(np.sign(expected) * other * adam.rate_at(0) - observed)
        if found > 0 and rest < 0.2 * np.linalg.norm(observed - expected):
            return _of_epsilon(update, found)
    squares = np.square(observed - expected)
    if squares[np.abs(expected) < 0.99 * adam.rate_at(0)].sum() < _MOST * squares.sum():
        return None
    if clear.sum() < 10:
        return (
            "the difference sits where gradients are small: look at Adam's epsilon, and at small "
            "differences of the gradients"
        )
    return (
        "the difference sits where gradients are small, but not as another epsilon would make it: "
        "gradients themselves differ a little: look at low precision, rounded images, smoothed "
        "labels, weight decay, dropout"
    )


def _of_epsilon(update: Update, found: float) -> str:
    """Say what could stand behind the epsilon that, where the protocol adds it, makes a first step.

    What frameworks have by default was recognised before (`certify.mistakes`).
    """
    adam = _adam(update)
    times = adam.epsilon / found
    told = (
        f"the difference sits where gradients are small: look at Adam's epsilon; the update is "
        f"that of an epsilon of {found:.2g}, not {adam.epsilon:.2g}, or of gradients {times:.3g} "
        f"times as large{' (clipped?)' if times < 1 else ''}"
    )
    # The corrected root of a first step knows no beta_2.
    root = _root(adam)
    beta_2 = 1 - (root * times) ** 2 if root < 1 else 1.0
    return f"{told}, or of a beta_2 of {beta_2:.4g}" if 0.1 < beta_2 < 0.99995 else told


def _gradients(
    adam: Adam | AdamW, expected: Row, observed: Row
) -> tuple[npt.NDArray[np.bool_], Row, Row]:
    """Return where gradients can be told from a first step, and both sides' there.

    Adam's formula gives |update| = rate * |g| / (|g| + e) at the first step, with e = epsilon, or
    epsilon / sqrt(1 - beta_2) where it is added to the uncorrected root, solved here for g.
    """
    ours, theirs = expected / adam.rate_at(0), observed / adam.rate_at(0)
    clear = (
        (np.abs(ours) > 0.05)
        & (np.abs(ours) < 0.998)
        & (np.abs(theirs) > 0.01)
        & (np.abs(theirs) < 0.9999)
    )
    e = adam.epsilon / _root(adam)
    first, second = (-e * part / (1 - np.abs(part)) for part in (ours[clear], theirs[clear]))
    return clear, first, second


def _root(adam: Adam | AdamW) -> float:
    """Return by what a first step's root is multiplied before epsilon is added."""
    uncorrected = adam.epsilon_added_to == "uncorrected_root"
    return math.sqrt(1 - adam.beta_2) if uncorrected else 1.0


def _adam(update: Update) -> Adam | AdamW:
    optimizer = update.protocol.optimizer
    assert isinstance(optimizer, Adam | AdamW)  # noqa: S101 - for the types
    return optimizer


SIGNS = Signs(steps=steps, decay=decay, small_gradients=small_gradients)
