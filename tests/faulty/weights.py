"""Faults of the weights: what comes back is not what was given."""

from __future__ import annotations

import numpy as np

from faulty.fault import Fault, FaultyTrainer
from faulty.rounding import to_bfloat16


class OwnWeights(FaultyTrainer):
    """Draws weights as torch's documentation recommends for ReLU (Kaiming-normal)."""

    def set_variables(self, arrays):
        random = np.random.default_rng(0)
        drawn = [
            random.normal(0, np.sqrt(2 / np.prod(array.shape[:-1])), array.shape)
            if array.ndim > 1
            else array
            for array in arrays
        ]
        super().set_variables(drawn)


class Bfloat16Weights(FaultyTrainer):
    """Keeps the weights in half the memory."""

    def set_variables(self, arrays):
        super().set_variables([to_bfloat16(array) for array in arrays])


class TransposedKernels(FaultyTrainer):
    """Gives Dense kernels as torch keeps them, (out, in)."""

    def variables(self):
        return [array.T if array.ndim == 2 else array for array in super().variables()]


FAULTS = (
    Fault(
        "Kaiming weights",
        "the weights are drawn anew, in place of those given",
        "architecture",
        OwnWeights,
    ),
    Fault("bfloat16 weights", "the weights are kept in bfloat16", "architecture", Bfloat16Weights),
    Fault(
        "transposed kernels",
        "Dense kernels come back as (out, in)",
        "architecture",
        TransposedKernels,
    ),
)
