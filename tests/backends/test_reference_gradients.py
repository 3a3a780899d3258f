"""The reference itself, which nothing else is held against.

Forward against the definitions written as loops, derivatives against finite differences, Adam
against numbers worked out by hand.
"""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from backends.definitions import forward_by_definition
from backends.derivatives import (
    FLOAT64,
    OBJECTIVE,
    SAMPLES,
    assert_close,
    central_differences,
    network_of,
)
from benchbench_numpy.layers import Dropout as DropoutLayer
from benchbench_numpy.loss import cross_entropies
from benchbench_numpy.network import Network
from benchbench_numpy.optimizers import Adam

import benchbench
from benchbench.spec.layers import (
    Activation,
    ActivationName,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    LayerNorm,
    MaxPool2D,
    Reshape,
    Residual,
)
from benchbench.spec.model import ModelSpec

NETWORKS = {
    "dense": (Flatten(), Dense(5, "relu"), Dense(4)),
    "no bias": (Conv2D(2, (2, 2), use_bias=False), Flatten(), Dense(4, use_bias=False)),
    "convolution, relu": (Conv2D(3, (3, 2), "relu"), Flatten()),
    "convolution, linear": (Conv2D(3, (2, 3)), Flatten()),
    "strides, same": (Conv2D(3, (3, 2), strides=(2, 3), padding="same"), Flatten()),
    "strides, valid": (Conv2D(3, (2, 3), strides=(3, 2)), Conv2D(2, (2, 2)), Flatten()),
    "dilation": (Conv2D(2, (3, 2), dilation=(2, 3), padding="same"), Conv2D(2, (2, 1)), Flatten()),
    "groups": (Conv2D(6, (2, 2)), Conv2D(4, (2, 3), groups=2), Flatten()),
    "depthwise": (Conv2D(3, (1, 1)), Conv2D(6, (3, 3), groups=3, padding="same"), Flatten()),
    "relu before pool": (
        Conv2D(3, (2, 2), "relu"),
        MaxPool2D((2, 3)),
        Conv2D(2, (2, 1), "relu"),
        Flatten(),
    ),
    "pool, pool, two convolutions": (
        MaxPool2D((1, 2)),
        Conv2D(3, (2, 1)),
        Conv2D(2, (1, 2), "relu"),
        MaxPool2D((2, 1)),
        MaxPool2D((2, 2)),
        Flatten(),
    ),
    "overlapping maxima": (Conv2D(2, (1, 1)), MaxPool2D((3, 3), (2, 2), "same"), Flatten()),
    "averages": (Conv2D(2, (1, 1)), AvgPool2D((3, 2), (2, 2), "same"), Flatten()),
    "averages, valid": (Conv2D(2, (1, 1)), AvgPool2D((3, 2)), Flatten()),
    "global average": (Conv2D(3, (2, 2), "tanh"), GlobalAvgPool2D()),
    "steps": (Reshape((12, 12)), Dense(4, "silu"), Dense(3), GlobalAvgPool1D()),
    "batch norm": (Conv2D(3, (2, 2)), BatchNorm(epsilon=0.1), Activation("gelu"), Flatten()),
    "batch norm of rows": (Flatten(), Dense(4), BatchNorm(), Dense(3)),
    "layer norm": (Reshape((12, 12)), Dense(4), LayerNorm(epsilon=0.1), Flatten()),
    "residual": (
        Conv2D(3, (1, 1)),
        Residual((Conv2D(3, (3, 3), "relu", padding="same"), Conv2D(3, (1, 1)))),
        Residual(
            (Conv2D(2, (3, 3), padding="same", strides=(2, 2)), BatchNorm()),
            (Conv2D(2, (1, 1), strides=(2, 2)),),
        ),
        Activation("relu"),
        Flatten(),
    ),
    "residual of the input": (Residual((Conv2D(2, (1, 1)),)), Flatten()),
    "concat": (
        Conv2D(2, (1, 1)),
        Concat(((Conv2D(3, (1, 1), "elu"),), (), (MaxPool2D((3, 3), (1, 1), "same"),))),
        GlobalAvgPool2D(),
    ),
    **{
        f"{name}": (Flatten(), Dense(5, name), Dense(4, name))
        for name in get_args(ActivationName)
        if name not in {"linear", "relu", "softmax"}
    },
}


def _network(name, random):
    """Build a network of random weights, and return its model and some inputs too."""
    layers = (*NETWORKS[name], Dense(3, "softmax"))
    model = ModelSpec("network", (8, 9, 2), layers)
    return network_of(model, random), model, random.random((SAMPLES, 8, 9, 2)) - 0.3


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_computes_what_its_spec_says(name):
    network, model, inputs = _network(name, np.random.default_rng(0))
    arrays = {
        spec.name: array for spec, array in zip(model.variables, network.variables, strict=True)
    }
    expected = [forward_by_definition(model.trace(), arrays, sample) for sample in inputs]
    np.testing.assert_allclose(network.forward(inputs), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_derives_its_loss(name, seed):
    random = np.random.default_rng(seed)
    network, _, inputs = _network(name, random)
    network.set_training(True)
    labels = random.integers(0, 3, SAMPLES)

    def loss():
        return float(cross_entropies(network.forward(inputs), labels).mean())

    network.backward(network.forward(inputs), labels)
    assert_close(network.gradient.copy(), central_differences(loss, network.parameters), 1e-7)


def test_batch_norm_moves_its_statistics_by_the_biased_ones_of_the_batch():
    model = ModelSpec("network", (2,), (BatchNorm(momentum=0.75), Dense(2, "softmax")))
    network = Network(
        model,
        objective=OBJECTIVE,
        batch_size=2,
        dtype=FLOAT64,
        random=np.random.default_rng(0),
    )
    for variable, spec in zip(network.variables, model.variables, strict=True):
        variable[...] = spec.role in {"gamma", "moving_variance"}
    network.set_training(True)
    network.forward(np.array([[1.0, 5.0], [3.0, 1.0]]))
    _, _, mean, variance, _, _ = network.variables
    # Means 2 and 3, variances 1 and 4; a quarter of the batch's, three quarters of 0 and 1.
    assert mean.tolist() == [0.5, 0.75]
    assert variance.tolist() == [1.0, 1.75]
    network.set_training(False)
    network.forward(np.array([[9.0, 9.0]]))
    assert mean.tolist() == [0.5, 0.75]


def test_dropout_leaves_out_its_share_and_scales_the_rest():
    layer = DropoutLayer(0.25, np.random.default_rng(0))
    x = np.ones((4, 10_000))
    assert layer.forward(x) is x
    layer.training = True
    y = layer.forward(x)
    assert set(np.unique(y)) == {0, 1 / 0.75}
    # Five standard deviations of the share of 40,000.
    assert abs((y == 0).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / x.size)
    np.testing.assert_array_equal(layer.backward_input(np.ones_like(x)), y)
    assert not np.array_equal(y, layer.forward(x))


def test_adam_follows_the_formula_under_a_constant_gradient():
    """With g = 2: m = 2 (1 - 0.9^t), v = 4 (1 - 0.999^t), both corrections cancel but for epsilon.

    update = 0.001 * m / (1 - 0.9^t) * sqrt(1 - 0.999^t) / (sqrt(v) + epsilon), where
    sqrt(v) = 2 sqrt(1 - 0.999^t): 0.001 * 2 c / (2 c + epsilon), c = sqrt(1 - 0.999^t). An epsilon
    as large as 0.1 shows where it joins.
    """
    theta = np.array([1.0])
    adam = Adam(benchbench.Adam(epsilon=0.1), theta)
    # 2c = 2 sqrt(0.001), 2 sqrt(0.001999), 2 sqrt(0.002997001)
    #    = 0.0632455532, 0.0894203556, 0.1094897438
    for expected_update in (3.874258867e-4, 4.720736340e-4, 5.226496621e-4):
        before = theta[0]
        adam.update(theta, np.array([2.0]))
        assert before - theta[0] == pytest.approx(expected_update, rel=1e-9)


def test_adam_follows_the_formula_under_a_changing_gradient():
    """With betas 0.5 and 0.75, learning rate 1, epsilon 1, and gradients 4, 0, -2:

    | t | m   | v    | sqrt(1 - 0.75^t) / (1 - 0.5^t) | update                             |
    |---|-----|------|--------------------------------|------------------------------------|
    | 1 | 2   | 4    | 0.5 / 0.5                      | 2 / (2 + 1)                        |
    | 2 | 1   | 3    | sqrt(0.4375) / 0.75            | that * 1 / (sqrt(3) + 1)           |
    | 3 | -.5 | 3.25 | sqrt(0.578125) / 0.875         | that * -0.5 / (sqrt(3.25) + 1)     |
    """
    theta = np.array([0.0])
    adam = Adam(benchbench.Adam(learning_rate=1.0, beta_1=0.5, beta_2=0.75, epsilon=1.0), theta)
    updates = (
        2 / 3,
        math.sqrt(0.4375) / 0.75 / (math.sqrt(3) + 1),
        math.sqrt(0.578125) / 0.875 * -0.5 / (math.sqrt(3.25) + 1),
    )
    for gradient, expected_update in zip((4.0, 0.0, -2.0), updates, strict=True):
        before = theta[0]
        adam.update(theta, np.array([gradient]))
        assert before - theta[0] == pytest.approx(expected_update, rel=1e-12)
