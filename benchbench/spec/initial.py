"""The first weights: drawn here, once, and handed to every backend alike."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from benchbench.spec.model import ModelSpec


def initial_parameters(model: ModelSpec, seed: int) -> list[npt.NDArray[np.float32]]:
    """Draw Glorot-uniform kernels and zero biases, in canonical order.

    A kernel is uniform in [-limit, limit), limit = sqrt(6 / (fan_in + fan_out)); for a convolution
    both fans count the kernel's area. Source: Glorot and Bengio, AISTATS 2010, equation 16.
    """
    random = np.random.default_rng(seed)
    arrays = []
    for shape in model.parameter_shapes:
        if len(shape) == 1:
            arrays.append(np.zeros(shape, np.float32))
            continue
        area = math.prod(shape[:-2])
        limit = math.sqrt(6 / (area * (shape[-2] + shape[-1])))
        arrays.append(random.uniform(-limit, limit, shape).astype(np.float32))
    return arrays
