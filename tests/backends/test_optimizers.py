"""Optimizers beside their formulas, one weight at a time and in float64, on given gradients.

Gradients near epsilon tell where it is placed; a schedule tells which rate acts when.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from benchbench_numpy.optimizers import make_optimizer

from benchbench import SGD, Adam, AdamW, Optimizer, RMSprop, TrainingProtocol, Variable
from benchbench.testing.protocols import PROTOCOLS

STEPS = 12
# A kernel that is decayed and a bias that is not.
VARIABLES = (
    Variable("layers.0.kernel", (3, 10), "zeros"),
    Variable("layers.0.bias", (10,), "zeros"),
)
COUNT = 40
DECAYED = 30


def gradients() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(scale=1e-2, size=(STEPS, COUNT)) * 10.0 ** random.uniform(-4, 0, COUNT)


def first_weights() -> np.ndarray:
    return np.random.default_rng(1).normal(size=COUNT)


def by_formula(protocol: TrainingProtocol) -> Iterator[np.ndarray]:
    """Yield all weights after each step, as the docstrings of the spec have them."""
    formula, weights = protocol.optimizer, first_weights()
    states = [[0.0, 0.0] for _ in weights]
    for t, gradient in enumerate(gradients()):
        norm = math.sqrt(sum(g * g for g in gradient))
        scale = 1.0 if protocol.clip_norm is None else min(1.0, protocol.clip_norm / norm)
        for i, g in enumerate(gradient):
            if i < DECAYED:
                weights[i] -= formula.rate_at(t) * getattr(formula, "weight_decay", 0) * weights[i]
            weights[i] -= moved(formula, scale * g, states[i], t)
        yield weights.copy()


def moved(formula: Optimizer, g: float, state: list[float], t: int) -> float:
    rate = formula.rate_at(t)
    match formula:
        case SGD():
            state[0] = formula.momentum * state[0] + g
            return rate * (g + formula.momentum * state[0] if formula.nesterov else state[0])
        case Adam() | AdamW():
            state[0] = formula.beta_1 * state[0] + (1 - formula.beta_1) * g
            state[1] = formula.beta_2 * state[1] + (1 - formula.beta_2) * g * g
            first, second = 1 - formula.beta_1 ** (t + 1), 1 - formula.beta_2 ** (t + 1)
            if formula.epsilon_added_to == "corrected_root":
                return rate / first * state[0] / (math.sqrt(state[1] / second) + formula.epsilon)
            return (
                rate
                * math.sqrt(second)
                / first
                * state[0]
                / (math.sqrt(state[1]) + formula.epsilon)
            )
        case RMSprop():
            state[1] = formula.rho * state[1] + (1 - formula.rho) * g * g
            return rate * g / math.sqrt(state[1] + formula.epsilon)
    raise AssertionError(formula)


def by_numpy(protocol: TrainingProtocol, dtype: str) -> Iterator[np.ndarray]:
    weights = first_weights().astype(dtype)
    optimizer = make_optimizer(protocol, VARIABLES, weights)
    for gradient in gradients().astype(dtype):
        optimizer.update(weights, gradient)
        yield weights.copy()


def by_torch(protocol: TrainingProtocol, dtype: str) -> Iterator[np.ndarray]:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from benchbench_torch.optimizers import TorchOptimizer

    kernel, bias = np.split(first_weights().astype(dtype), [DECAYED])
    parameters = [torch.nn.Parameter(torch.tensor(array)) for array in (kernel, bias)]
    optimizer = TorchOptimizer(
        parameters,
        protocol.optimizer,
        decayed=parameters[:1],
        clip_norm=protocol.clip_norm,
    )
    for gradient in gradients().astype(dtype):
        for parameter, part in zip(parameters, np.split(gradient, [DECAYED]), strict=True):
            parameter.grad = torch.tensor(part)
        optimizer.step()
        yield np.concatenate([parameter.detach().numpy().copy() for parameter in parameters])


def by_vector(protocol: TrainingProtocol, dtype: str) -> Iterator[np.ndarray]:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from benchbench_torch.vector_optimizers import make_vector_optimizer

    weights = torch.tensor(first_weights().astype(dtype))
    held = torch.zeros_like(weights)
    optimizer = make_vector_optimizer(protocol, VARIABLES, weights, held)
    for gradient in gradients().astype(dtype):
        held.copy_(torch.tensor(gradient))
        optimizer.step()
        yield weights.numpy().copy()


def by_optax(protocol: TrainingProtocol, dtype: str) -> Iterator[np.ndarray]:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    optax = pytest.importorskip("optax", reason="optax is not installed")
    from benchbench_jax.optimizers import decayed_parameters, transformation

    with jax.enable_x64(True):
        kernel, bias = np.split(first_weights().astype(dtype), [DECAYED])
        weights = {"dense": {"bias": jax.numpy.array(bias), "kernel": jax.numpy.array(kernel)}}
        optimizer = transformation(protocol, decayed_parameters)
        state, update = optimizer.init(weights), jax.jit(optimizer.update)
        for gradient in gradients().astype(dtype):
            kernel, bias = np.split(gradient, [DECAYED])
            updates, state = update({"dense": {"bias": bias, "kernel": kernel}}, state, weights)
            weights = optax.apply_updates(weights, updates)
            yield np.concatenate([weights["dense"]["kernel"], weights["dense"]["bias"]])


@pytest.mark.parametrize("computed", [by_numpy, by_torch, by_vector, by_optax])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_optimizer_follows_its_formula(name: str, computed: Callable) -> None:
    protocol, start = PROTOCOLS[name], first_weights()
    # Optax computes its schedules in float32.
    rounding = 1e-5 if computed is by_optax else 1e-6
    for expected, observed in zip(by_formula(protocol), computed(protocol, "float64"), strict=True):
        np.testing.assert_allclose(observed - start, expected - start, rtol=rounding, atol=1e-12)


@pytest.mark.parametrize("clip_norm", [1e-7, 1e-3, 1e3])
def test_torch_clips_by_the_exact_norm_and_leaves_no_gradient_alone(clip_norm: float) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from benchbench_torch.optimizers import clip_gradients

    for scale in (1e-8, 1e-2, 1.0, 0.0):
        given = np.full(4, scale)
        parameter = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
        parameter.grad = torch.tensor(given)
        clip_gradients([parameter], clip_norm)
        expected = given * min(1.0, clip_norm / (2 * scale)) if scale else given
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-12)
