"""The reference itself, which nothing else is held against.

Forward against the definitions written as loops, derivatives against finite differences, Adam
against numbers worked out by hand.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchbench_numpy.adam import Adam
from benchbench_numpy.layers import Convolution, Dense, Flatten, MaxPool, ReLU
from benchbench_numpy.loss import cross_entropies
from benchbench_numpy.network import Network
from benchbench_numpy.objective import objective_of

import benchbench
from benchbench.spec.layers import Conv2D, MaxPool2D
from benchbench.spec.layers import Dense as DenseSpec
from benchbench.spec.layers import Flatten as FlattenSpec
from benchbench.spec.model import ModelSpec

SAMPLES = 3
FLOAT64 = np.dtype("float64")

# A central difference over 1e-5 errs by about 1e-10, relative; ten times that is left for a layer,
# more for a whole network.
STEP = 1e-5
TOLERANCE = 1e-9


def _central_differences(function, point):
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


def _assert_close(observed, expected, tolerance=TOLERANCE):
    difference = np.linalg.norm(observed - expected) / np.linalg.norm(expected)
    assert difference < tolerance


def _weights(random, rows, columns):
    return random.normal(size=(rows, columns)), np.full((rows, columns), np.nan)


def _dense(random):
    weights, gradient = _weights(random, 6 + 1, 4)
    return Dense(weights, gradient, batch_size=SAMPLES), (6,), weights, gradient


def _convolution(random):
    weights, gradient = _weights(random, 3 * 2 * 2 + 1, 4)
    layer = Convolution(
        weights, gradient, input_shape=(6, 5, 2), kernel_size=(3, 2), batch_size=SAMPLES
    )
    return layer, (6, 5, 2), weights, gradient


def _max_pool(_):
    layer = MaxPool(input_shape=(5, 7, 2), pool_size=(2, 3), batch_size=SAMPLES, dtype=FLOAT64)
    return layer, (5, 7, 2), None, None


def _relu(_):
    return ReLU(output_shape=(4, 3), batch_size=SAMPLES, dtype=FLOAT64), (4, 3), None, None


def _flatten(_):
    return Flatten(input_shape=(3, 4, 2)), (3, 4, 2), None, None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [_dense, _convolution, _max_pool, _relu, _flatten])
def test_each_layer_derives_itself(make, seed):
    """The scalar is a weighted sum of the outputs, so that dy is the weights."""
    random = np.random.default_rng(seed)
    layer, input_shape, weights, gradient = make(random)
    x = random.normal(size=(SAMPLES, *input_shape))
    dy = random.normal(size=layer.forward(x).shape)

    def scalar():
        return float((dy * layer.forward(x)).sum())

    expected = _central_differences(scalar, x)
    layer.forward(x)
    if weights is not None:
        layer.backward_parameters(dy)
        _assert_close(gradient, _central_differences(scalar, weights))
        layer.forward(x)
    _assert_close(layer.backward_input(dy.copy()), expected)


NETWORKS = {
    "dense": (FlattenSpec(), DenseSpec(5, "relu"), DenseSpec(4), DenseSpec(3, "softmax")),
    "convolution, relu": (Conv2D(3, (3, 2), "relu"), FlattenSpec(), DenseSpec(3, "softmax")),
    "convolution, linear": (Conv2D(3, (2, 3)), FlattenSpec(), DenseSpec(3, "softmax")),
    "relu before pool": (
        Conv2D(3, (2, 2), "relu"),
        MaxPool2D((2, 3)),
        Conv2D(2, (2, 1), "relu"),
        FlattenSpec(),
        DenseSpec(3, "softmax"),
    ),
    "pool, pool, two convolutions": (
        MaxPool2D((1, 2)),
        Conv2D(3, (2, 1)),
        Conv2D(2, (1, 2), "relu"),
        MaxPool2D((2, 1)),
        MaxPool2D((2, 2)),
        FlattenSpec(),
        DenseSpec(3, "softmax"),
    ),
}


def _network(name, random):
    """Build a network of random weights, and return its model and some images too."""
    model = ModelSpec("network", (8, 9, 2), NETWORKS[name])
    objective = objective_of(benchbench.CrossEntropy())
    network = Network(model, objective=objective, batch_size=SAMPLES, dtype=FLOAT64)
    network.parameters[...] = random.normal(size=network.parameters.shape) / 2
    return network, model, random.random((SAMPLES, 8, 9, 2))


def _logits_by_loops(model, parameters, x):
    """Compute one image's logits by the definitions, an output value at a time."""
    offset = 0
    for trace in model.trace():
        arrays = []
        for shape in (variable.shape for variable in trace.variables):
            arrays.append(parameters[offset : offset + math.prod(shape)].reshape(shape))
            offset += math.prod(shape)
        y = np.empty(trace.output_shape)
        for place in np.ndindex(y.shape):
            match trace.layer:
                case FlattenSpec():
                    row, column_and_channel = divmod(place[0], x.shape[1] * x.shape[2])
                    y[place] = x[row, *divmod(column_and_channel, x.shape[2])]
                case DenseSpec():
                    y[place] = sum(x * arrays[0][:, place[0]]) + arrays[1][place]
                case Conv2D(kernel_size=(height, width)):
                    row, column, channel = place
                    window = x[row : row + height, column : column + width]
                    y[place] = (window * arrays[0][..., channel]).sum() + arrays[1][channel]
                case MaxPool2D((height, width)):
                    row, column, channel = place[0] * height, place[1] * width, place[2]
                    y[place] = x[row : row + height, column : column + width, channel].max()
            if getattr(trace.layer, "activation", None) == "relu":
                y[place] = max(y[place], 0)
        x = y
    return x


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_computes_what_its_spec_says(name):
    network, model, images = _network(name, np.random.default_rng(0))
    expected = [_logits_by_loops(model, network.parameters, image) for image in images]
    np.testing.assert_allclose(network.forward(images), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_derives_its_loss(name, seed):
    random = np.random.default_rng(seed)
    network, _, images = _network(name, random)
    labels = random.integers(0, 3, SAMPLES)

    def loss():
        return float(cross_entropies(network.forward(images), labels).mean())

    network.backward(network.forward(images), labels)
    _assert_close(network.gradient.copy(), _central_differences(loss, network.parameters), 1e-7)


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
