"""The first weights: drawn here, once, and handed to every backend alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchbench.spec.model import ModelSpec
from benchbench.spec.variables import first_values


def initial_variables(model: ModelSpec, seed: int) -> list[npt.NDArray[np.float32]]:
    """Draw the first values of every variable of the model, in canonical order."""
    random = np.random.default_rng(seed)
    return [first_values(variable, random) for variable in model.variables]
