"""What a differing change of a BatchNorm's moving statistics looks like, after one step."""

from __future__ import annotations

import numpy as np

from benchbench.certify.rows import Arrays, Row
from benchbench.certify.silent import variable_slices
from benchbench.spec.layers import BatchNorm
from benchbench.spec.model import LayerTrace, ModelSpec

# A guess explains a change if it leaves less than this share of the difference.
_LEFT = 0.05
_RIGHT = 1e-4


def of_state(
    model: ModelSpec, given: Arrays, expected: Row, observed: Row, *, batch_size: int
) -> str | None:
    """Say what is wrong with the first BatchNorm whose statistics moved otherwise, if one's did."""
    parts = {
        variable.name: (part, np.asarray(start, np.float64).ravel())
        for variable, part, start in zip(
            model.variables, variable_slices(model.variables), given, strict=True
        )
    }
    for leaf in model.leaves():
        if not isinstance(leaf.layer, BatchNorm):
            continue
        for variable in leaf.variables:
            part, start = parts[variable.name]
            ours, theirs = expected[part], observed[part]
            if variable.trainable or _near(theirs, ours, float(np.linalg.norm(ours)) * _RIGHT):
                continue
            told = _explained(leaf, variable.role, start, (ours, theirs), batch_size=batch_size)
            return f"{variable.name} (BatchNorm) moved otherwise: {told}"
    return None


def _explained(
    leaf: LayerTrace,
    role: str,
    start: Row,
    changes: tuple[Row, Row],
    *,
    batch_size: int,
) -> str:
    expected, observed = changes
    layer = leaf.layer
    assert isinstance(layer, BatchNorm)  # noqa: S101 - for the types
    if not observed.any():
        return (
            "it did not move at all: was the network in evaluation while it trained, or does "
            "`variables` give back the statistics that it was given?"
        )
    left = _LEFT * float(np.linalg.norm(observed - expected))
    new = 1 - layer.momentum
    batch = expected / new + start
    values = batch_size * int(np.prod(leaf.input_shape[:-1]))
    if role == "moving_variance" and values > 1:
        unbiased = new * (batch * values / (values - 1) - start)
        if _near(observed, unbiased, left):
            return (
                f"by the unbiased variance, {values} / {values - 1} times as large, as "
                f"torch.nn.BatchNorm moves it; the spec's is the biased one"
            )
    share = float(observed @ expected / (expected @ expected)) * new
    if _near(observed, expected / new * share, left):
        told = (
            f"by {share:.4g} of the batch's; the spec's momentum {layer.momentum:g} says {new:.4g}"
        )
        if abs(share - layer.momentum) < 1e-3:
            told += ": torch's momentum is the share of the new batch, the spec's that of the old"
        return told
    return "look at its momentum, at the axes of its mean, and at which variance moves it"


def _near(one: Row, other: Row, size: float) -> bool:
    return float(np.linalg.norm(one - other)) <= size
