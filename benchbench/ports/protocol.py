"""Training by the protocol's Adam, where a file gives no optimizer: by the formula, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchbench.plugins.ports import Port, PortBatch
from benchbench.spec.optimizers import Adam


def protocol_steps(port: Port, batches: Sequence[PortBatch]) -> Iterator[None]:
    """Train a step a batch by Adam's formula (`spec.optimizers.Adam`); yield after each."""
    rule = Adam()
    fixed = {f"{block.name}.{role}" for block in port.blocks() for role in block.fixed}
    mean: dict[str, np.ndarray] = {}
    square: dict[str, np.ndarray] = {}
    for step, batch in enumerate(batches, 1):
        gradients = port.gradients(batch)
        values = port.variables()
        rate = rule.learning_rate * np.sqrt(1 - rule.beta_2**step) / (1 - rule.beta_1**step)
        for name, gradient in gradients.items():
            if name in fixed:
                continue
            g = gradient.astype(np.float64)
            mean[name] = rule.beta_1 * mean.get(name, 0.0) + (1 - rule.beta_1) * g
            square[name] = rule.beta_2 * square.get(name, 0.0) + (1 - rule.beta_2) * g * g
            values[name] = values[name] - rate * mean[name] / (np.sqrt(square[name]) + rule.epsilon)
        port.set_variables(values)
        yield
