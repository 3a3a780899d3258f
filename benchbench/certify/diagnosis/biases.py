"""A bias of an LSTM that is the sum of two, both of which are trained: it moves twice as far."""

from __future__ import annotations

import numpy as np

from benchbench.certify.rows import Row
from benchbench.certify.silent import variable_slices
from benchbench.spec.layers import LSTM
from benchbench.spec.model import ModelSpec

# Of a bias that moves twice as far this share of the difference is left, or less.
_LEFT = 0.05


def doubled_bias(model: ModelSpec, expected: Row, observed: Row) -> str | None:
    """Say that biases of LSTMs move twice as far, if all of them do and nothing else is off."""
    owned = {
        variable.name
        for leaf in model.leaves()
        if isinstance(leaf.layer, LSTM)
        for variable in leaf.variables
        if variable.role == "bias"
    }
    if not owned:
        return None
    doubled = expected.copy()
    for variable, part in zip(model.variables, variable_slices(model.variables), strict=True):
        if variable.name in owned:
            doubled[part] *= 2
    apart = float(np.linalg.norm(observed - expected))
    if not float(np.linalg.norm(observed - doubled)) < _LEFT * apart:
        return None
    return (
        f"{', '.join(sorted(owned))} (LSTM) moves twice as far, and all else as it should: it is "
        f"the sum of two biases, and both are trained, as torch.nn.LSTM's bias_ih and bias_hh: "
        f"keep one of them at 0, with requires_grad_(False)"
    )
