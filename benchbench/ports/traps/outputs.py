"""Outputs that a loss takes for what they are not: probabilities for logits, or logits for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import PortOutputs, PortTargets
from benchbench.ports.meanings import sums_to_one
from benchbench.ports.report import Trap


def of_meaning(
    label: str, output: npt.NDArray[Any], meaning: PortOutputs, targets: PortTargets
) -> Trap | None:
    """Return why outputs cannot be what the side's loss takes them for."""
    if targets == "binary":
        return _of_binary(label, output, meaning)
    summed = sums_to_one(output)
    if summed and meaning == "logits":
        return Trap(
            "softmax twice",
            f"{label} answers probabilities, and its loss takes them for logits: it applies a "
            f"second softmax; leave out the one in the network",
        )
    if summed and meaning == "log-probabilities":
        words = f"{label} answers probabilities, and its loss takes them for their logarithms"
        return Trap("probabilities for log-probabilities", words)
    if not summed and meaning == "probabilities":
        return Trap(
            "logits for probabilities",
            f"{label} answers what does not sum to one, and its loss takes it for probabilities: "
            f"is a softmax, or from_logits=True, missing?",
        )
    return None


def _of_binary(label: str, output: npt.NDArray[Any], meaning: PortOutputs) -> Trap | None:
    between = bool(np.all((output >= 0) & (output <= 1)))
    if between and meaning == "logits":
        return Trap(
            "sigmoid twice",
            f"{label} answers numbers from 0 to 1, and its loss takes them for logits: it applies "
            f"a second sigmoid; leave out the one in the network",
        )
    if not between and meaning == "probabilities":
        return Trap(
            "logits for probabilities",
            f"{label} answers numbers below 0 or above 1, and its loss takes them for "
            f"probabilities: is a sigmoid, or from_logits=True, missing?",
        )
    return None
