"""The NumPy backend with faults, each as someone would make it: what the ladder must catch.

`FAULTS` are sorted by what they get wrong, one file each. None of them perturbs an answer: each
computes another thing, through the same `fit`, `evaluate` and `predict` as a right backend.
"""

from __future__ import annotations

from faulty import (
    answers,
    architecture,
    batches,
    gradients,
    layers,
    loss,
    optimiser,
    precision,
    weights,
)
from faulty.fault import Fault, FaultyBackend, FaultyTrainer

FAULTS: tuple[Fault, ...] = (
    *weights.FAULTS,
    *architecture.FAULTS,
    *layers.FAULTS,
    *precision.FAULTS,
    *loss.FAULTS,
    *gradients.FAULTS,
    *optimiser.FAULTS,
    *batches.FAULTS,
    *answers.FAULTS,
)

__all__ = ["FAULTS", "Fault", "FaultyBackend", "FaultyTrainer"]
