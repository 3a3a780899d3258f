"""Shapes, counts and FLOPs are arithmetic; the published table is the test."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import SpecError
from benchbench.spec.catalog import MODELS, PUBLISHED_ACCURACY
from benchbench.spec.identity import spec_sha256
from benchbench.spec.initial import initial_variables
from benchbench.spec.layers import (
    Activation,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Reshape,
    Residual,
)
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol

# Source: the seed notebook's summaries.
PUBLISHED = {
    "single-layer": ([0, 7_850], 7_850),
    "two-layer": ([0, 401_920, 5_130], 407_050),
    "simple-cnn": ([320, 0, 0, 54_090], 54_410),
    "deeper-cnn": ([320, 0, 9_248, 0, 0, 8_010], 17_578),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_the_published_ones(name):
    layer_by_layer, total = PUBLISHED[name]
    assert [trace.parameter_count for trace in MODELS[name].trace()] == layer_by_layer
    assert MODELS[name].parameter_count == total


def test_catalog_has_the_four_models_and_their_figures():
    assert list(MODELS) == list(PUBLISHED) == list(PUBLISHED_ACCURACY)


def test_output_shapes_of_deeper_cnn():
    assert [trace.output_shape for trace in MODELS["deeper-cnn"].trace()] == [
        *((26, 26, 32), (13, 13, 32), (11, 11, 32), (5, 5, 32)),
        *((800,), (10,)),
    ]


def test_canonical_variable_shapes_of_deeper_cnn():
    assert MODELS["deeper-cnn"].variable_shapes == (
        *((3, 3, 1, 32), (32,), (3, 3, 32, 32), (32,)),
        *((800, 10), (10,)),
    )


def test_flops_of_deeper_cnn_by_hand():
    first = 26 * 26 * 32 * (2 * 3 * 3 * 1 + 1)
    second = 11 * 11 * 32 * (2 * 3 * 3 * 32 + 1)
    output = 2 * 800 * 10 + 10
    model = MODELS["deeper-cnn"]
    assert model.forward_flops == first + second + output
    # Backward: two products of the forward's size, but no gradient of the input of the first.
    assert model.training_flops == 2 * first + 3 * second + 3 * output


@pytest.mark.parametrize("name", PUBLISHED)
def test_count_formulas_evaluate_to_the_counts(name):
    for trace in MODELS[name].trace():
        if trace.count_formula:
            terms = [math.prod(map(int, t.split("*"))) for t in trace.count_formula.split("+")]
            assert sum(terms) == trace.parameter_count


def test_arithmetic_agrees_for_any_model(models):
    @given(models)
    def check(model):
        traces = model.trace()
        assert model.parameter_count == sum(math.prod(s) for s in model.variable_shapes)
        assert all(min(trace.output_shape) >= 1 for trace in traces)
        assert model.classes == traces[-1].output_shape[0]
        assert model.forward_flops < model.training_flops <= 3 * model.forward_flops

    check()


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 5),
)
def test_pool_drops_what_is_left_over(height, width, pool):
    layer = MaxPool2D((pool, pool))
    if pool > min(height, width):
        with pytest.raises(SpecError, match="larger than its input"):
            layer.output_shape((height, width, 3))
    else:
        windows = len(range(0, height - pool + 1, pool)), len(range(0, width - pool + 1, pool))
        assert layer.output_shape((height, width, 3)) == (*windows, 3)


SOFTMAX = Dense(10, "softmax")


@pytest.mark.parametrize(
    ("layers", "reason", "path"),
    [
        ((MaxPool2D((29, 2)), Flatten(), SOFTMAX), "larger than its input", (0, "pool_size")),
        ((Conv2D(4, (3, 29)), Flatten(), SOFTMAX), "larger than its input", (0, "kernel_size")),
        ((Flatten(), Dense(10, "relu")), "must be the output layer", (1,)),
        ((Flatten(),), "must be the output layer", (0,)),
        ((SOFTMAX,), "put a Flatten layer before it", (0,)),
        ((Flatten(), MaxPool2D(), SOFTMAX), "expects an image", (1,)),
        ((Flatten(), Dense(1, "softmax")), "at least 2 units", (1,)),
        ((Flatten(), Dense(9, "softmax"), SOFTMAX), "output layer only", (1, "activation")),
        ((Flatten(), Dense(0), SOFTMAX), "at least 1", (1, "units")),
        ((Conv2D(0, (3, 3)), Flatten(), SOFTMAX), "at least 1", (0, "filters")),
        ((Flatten(), Dense(5, "tan"), SOFTMAX), "tan", (1, "activation")),
        ((Conv2D(3, (3, 3), groups=2), Flatten(), SOFTMAX), "groups must divide", (0, "groups")),
        (
            (Conv2D(2, (2, 2), strides=(2, 2), dilation=(2, 2)), Flatten(), SOFTMAX),
            "strides or dilation",
            (0, "dilation"),
        ),
        ((Conv2D(2, (3, 3), dilation=(14, 14)), Flatten(), SOFTMAX), "29x29", (0, "kernel_size")),
        ((Reshape((5, 5)), Flatten(), SOFTMAX), "needs 25 values", (0, "shape")),
        (
            (Residual((Conv2D(2, (3, 3)),)), Flatten(), SOFTMAX),
            r"their shapes are \(26, 26, 2\) and \(28, 28, 1\)",
            (0, "layers"),
        ),
        (
            (Residual((Conv2D(1, (1, 1)), Conv2D(1, (29, 1)))), Flatten(), SOFTMAX),
            "layers, layer 2: Conv2D's kernel of 29x1 is larger",
            (0, "layers", 1, "kernel_size"),
        ),
        (
            (Concat(((Conv2D(2, (3, 3)),), ())), Flatten(), SOFTMAX),
            "all other axes must agree",
            (0, "branches"),
        ),
        (
            (Residual((Activation("softmax"),)), Flatten(), SOFTMAX),
            "output layer only",
            (0, "layers", 0, "function"),
        ),
        ((BatchNorm(momentum=1.0), Flatten(), SOFTMAX), "below 1", (0, "momentum")),
        ((Dropout(1.0), Flatten(), SOFTMAX), "below 1", (0, "rate")),
        ((Activation("relu"),) * 1000 + (Flatten(), SOFTMAX), "1002 layers, at most 1000", ()),
        ((), "a list of at least 1", ()),
    ],
)
def test_models_that_cannot_be_built_are_refused(layers, reason, path):
    with pytest.raises(SpecError, match=reason) as refusal:
        ModelSpec("mine", (28, 28, 1), layers)
    assert refusal.value.path == ("layers", *path)


def test_fault_names_the_layer_by_number():
    with pytest.raises(SpecError, match="layer 2: MaxPool2D's window of 30x30"):
        ModelSpec("mine", (28, 28, 1), (Conv2D(4, (3, 3)), MaxPool2D((30, 30)), Flatten(), SOFTMAX))


@pytest.mark.parametrize("name", ["", "Mine", "a b", "../up", "x" * 81])
def test_names_are_fit_for_files(name):
    with pytest.raises(SpecError, match="name"):
        ModelSpec(name, (28, 28, 1), (Flatten(), SOFTMAX))


def test_first_weights_are_glorot_uniform():
    model = MODELS["deeper-cnn"]
    arrays = initial_variables(model, seed=3)
    assert [array.shape for array in arrays] == list(model.variable_shapes)
    assert all(array.dtype == np.float32 for array in arrays)
    assert not any(bias.any() for bias in arrays[1::2])
    # Both fans of the second convolution are 3 * 3 * 32.
    limit = math.sqrt(6 / (2 * 3 * 3 * 32))
    kernel = arrays[2]
    assert np.abs(kernel).max() <= limit
    assert np.abs(kernel).max() > 0.99 * limit
    assert kernel.std() == pytest.approx(limit / math.sqrt(3), rel=0.03)


def test_first_weights_follow_the_seed():
    model = MODELS["single-layer"]
    one, same, other = (initial_variables(model, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_is_built_in_python_equals_what_a_file_gives():
    built = ModelSpec("x", [4, 4, 1], [MaxPool2D([2, 2]), Flatten(), Dense(3, "softmax")])
    same = ModelSpec("x", (4, 4, 1), (MaxPool2D((2, 2)), Flatten(), Dense(3, "softmax")))
    assert built == same
    whole = TrainingProtocol(optimizer=Adam(learning_rate=1, beta_1=0))
    assert type(whole.optimizer.beta_1) is float
    assert spec_sha256(built, whole) == spec_sha256(
        same, TrainingProtocol(optimizer=Adam(learning_rate=1.0, beta_1=0.0))
    )
