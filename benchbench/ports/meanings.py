"""What the outputs of a network mean: logits, their logarithms, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import PortOutputs, PortTargets

AnyArray = npt.NDArray[Any]


def sums_to_one(output: AnyArray) -> bool:
    """Say whether these are probabilities: no negative, rows that sum to one."""
    values = output.astype(np.float64)
    return bool(
        values.shape[-1] > 1 and (values >= 0).all() and np.allclose(values.sum(-1), 1, atol=1e-4)
    )


def to_probabilities(output: AnyArray, meaning: PortOutputs, targets: PortTargets) -> AnyArray:
    """Return what outputs mean. Values stay what they are."""
    values = output.astype(np.float64)
    if meaning == "logits":
        if targets == "binary":
            return 1 / (1 + np.exp(-values))
        shifted = np.exp(values - values.max(-1, keepdims=True))
        softmax: AnyArray = shifted / shifted.sum(-1, keepdims=True)
        return softmax
    return np.exp(values) if meaning == "log-probabilities" else values
