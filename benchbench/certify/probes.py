"""What is read of a candidate by networks and inputs made for it: the order, masks, causality."""

from __future__ import annotations

from benchbench.certify.calls import call
from benchbench.certify.causality import find_leak
from benchbench.certify.dropout import dropout_faults, rates_of
from benchbench.certify.exercise import Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.order import disorders, in_words
from benchbench.certify.rungs import Finding, finite
from benchbench.errors import Unsupported
from benchbench.plugins.contract import Trainer


def order_finding(candidate: Implementation, exercise: Exercise) -> Finding:
    """Return how many samples are used other than the protocol says."""
    try:
        found = disorders(candidate, exercise.protocol.batch_size, seed=exercise.seed)
    except Unsupported as refusal:
        words = f"the backend refuses the network by which the order is read: {refusal}"
        return Finding(None, lambda: words)
    worst = max((one.sample_count for one in found), default=0)
    return Finding(float(worst), lambda: in_words(found))


def dropout_finding(candidate: Implementation, exercise: Exercise) -> Finding:
    """Return how far off masks are at the rates of the model."""
    rates, seed = rates_of(exercise.spec), exercise.seed
    try:
        found = [dropout_faults(candidate, rate, seed=seed) for rate in rates]
    except Unsupported as refusal:
        words = f"the backend refuses the network by which dropout is read: {refusal}"
        return Finding(None, lambda: words)
    faults = [fault for of_rate in found for fault in of_rate]
    worst = max((fault.size for fault in faults), default=0.0)
    return Finding(finite(worst), lambda: "; ".join(fault.words for fault in faults))


def causality_finding(trainer: Trainer, exercise: Exercise) -> Finding:
    """Return how far predictions move by what comes after them."""
    leak = find_leak(
        exercise.model,
        lambda inputs: call("predict", trainer.predict, inputs),
        exercise.batch.inputs,
    )
    return Finding(finite(leak.size), lambda: leak.words)
