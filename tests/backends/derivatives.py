"""Derivatives by finite differences, and a network of the NumPy backend with random weights."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.network import Network
from benchbench_numpy.objective import objective_of

import benchbench

SAMPLES = 3
FLOAT64 = np.dtype("float64")
OBJECTIVE = objective_of(benchbench.CrossEntropy())

# A central difference over 1e-5 errs by about 1e-10, relative; more is left for a whole network.
STEP = 1e-5


def central_differences(function, point):
    """Return the derivative of the scalar `function()` by `point`, which it nudges in place."""
    derivative = np.empty_like(point)
    for index in np.ndindex(point.shape):
        kept = point[index]
        point[index] = kept + STEP
        above = function()
        point[index] = kept - STEP
        below = function()
        point[index] = kept
        derivative[index] = (above - below) / (2 * STEP)
    return derivative


def assert_close(observed, expected, tolerance):
    difference = np.linalg.norm(observed - expected) / np.linalg.norm(expected)
    assert difference < tolerance


def network_of(model, random):
    """Build the network with random weights."""
    network = Network(model, objective=OBJECTIVE, batch_size=SAMPLES, dtype=FLOAT64, random=random)
    for variable, spec in zip(network.variables, model.variables, strict=True):
        positive = spec.role in {"moving_variance", "gamma"}
        variable[...] = random.normal(size=spec.shape) / 2 + (2 if positive else 0)
    return network
