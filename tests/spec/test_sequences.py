"""Layers of sequences in the spec: shapes, variables, counts, first values, refusals."""

import numpy as np
import pytest

from benchbench.errors import SpecError
from benchbench.spec.description import describe
from benchbench.spec.files import dump, load_model
from benchbench.spec.initial import initial_variables
from benchbench.spec.layers import (
    GRU,
    LSTM,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
)
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of

OUTPUT = Dense(5, "softmax")


def tokens(*layers):
    return ModelSpec("tokens", (6,), (Embedding(11, 4), *layers), "int32")


def steps(*layers):
    return ModelSpec("steps", (6, 3), layers)


def test_variables_of_an_lstm():
    model = tokens(LSTM(7), OUTPUT)
    shapes = [variable.shape for variable in model.variables]
    assert shapes == [(11, 4), (4, 28), (7, 28), (28,), (7, 5), (5,)]
    assert [variable.role for variable in model.variables[1:4]] == [
        "kernel",
        "recurrent_kernel",
        "bias",
    ]


def test_a_gru_has_two_biases_and_gives_every_step_when_asked():
    model = tokens(GRU(7, return_sequences=True), OUTPUT)
    assert [variable.shape for variable in model.variables[1:4]] == [(4, 21), (7, 21), (2, 21)]
    assert model.output_shape == (6, 5)
    assert task_of(model, TrainingProtocol()).target_shape == (6,)


def test_variables_of_attention_have_an_axis_of_heads():
    model = steps(Dense(8), MultiHeadAttention(2), Flatten(), OUTPUT)
    names = [variable.name for variable in model.variables[2:10]]
    assert names == [
        f"layers.1.{part}_{kind}"
        for part in ("query", "key", "value", "output")
        for kind in ("kernel", "bias")
    ]
    shapes = [variable.shape for variable in model.variables[2:10]]
    assert shapes == [(8, 2, 4), (2, 4)] * 3 + [(2, 4, 8), (8,)]


@pytest.mark.parametrize(
    ("layer", "flops"),
    [
        # Six steps of three features. Two products and one bias, four gates of two units.
        (LSTM(2), 6 * (2 * 3 * 8 + 2 * 2 * 8 + 8)),
        (GRU(2), 6 * (2 * 3 * 6 + 2 * 2 * 6 + 2 * 6)),
        # Four projections with bias, then every place with every place, twice.
        (MultiHeadAttention(3), 6 * 4 * (2 * 9 + 3) + 2 * (2 * 6 * 6 * 3)),
        (PositionEmbedding(), 18),
    ],
)
def test_count_formulas_and_flops(layer, flops):
    trace = steps(layer, Flatten(), OUTPUT).trace() if not hasattr(layer, "units") else None
    trace = trace or steps(layer, OUTPUT).trace()
    assert eval(trace[0].count_formula) == trace[0].parameter_count  # noqa: S307 - our own text
    assert trace[0].forward_flops == flops


def test_first_values():
    model = tokens(PositionEmbedding(), MultiHeadAttention(2), LSTM(3), OUTPUT)
    values = {
        variable.name: array
        for variable, array in zip(model.variables, initial_variables(model, 0), strict=True)
    }
    assert 0.02 < np.abs(values["layers.0.embeddings"]).max() < 0.05
    assert np.abs(values["layers.1.embeddings"]).max() < 0.05
    recurrent = values["layers.3.recurrent_kernel"]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(3), atol=1e-6)
    np.testing.assert_array_equal(values["layers.3.bias"], [0] * 3 + [1] * 3 + [0] * 6)


def test_glorot_counts_all_heads():
    model = ModelSpec("wide", (2, 64), (MultiHeadAttention(8), Flatten(), OUTPUT))
    kernels = [
        array
        for variable, array in zip(model.variables, initial_variables(model, 0), strict=True)
        if variable.role.endswith("_kernel")
    ]
    limit = np.sqrt(6 / 128)
    assert all(0.98 * limit < np.abs(kernel).max() < limit for kernel in kernels)


def test_orthonormal_columns_where_there_are_more_rows():
    from benchbench.spec.variables import Variable, first_values

    values = first_values(Variable("x", (9, 4), "orthogonal"), np.random.default_rng(1))
    np.testing.assert_allclose(values.T @ values, np.eye(4), atol=1e-6)


def test_a_file_reads_back(tmp_path):
    model = tokens(
        PositionEmbedding(),
        Residual((MultiHeadAttention(2, causal=True),)),
        GRU(3, return_sequences=True),
        LSTM(3),
        OUTPUT,
    )
    path = tmp_path / "model.toml"
    path.write_text(dump(model))
    assert load_model(path) == model
    assert "MultiHeadAttention(2, causal)" in describe(model).layers[2].layer
    assert "GRU(3, every step)" in describe(model).layers[3].layer


@pytest.mark.parametrize(
    ("make", "reason", "path"),
    [
        (
            lambda: steps(MultiHeadAttention(2), OUTPUT),
            "layer 1: MultiHeadAttention shares the features out among its heads, but 3 features "
            "do not divide by 2 heads",
            ("layers", 0, "heads"),
        ),
        (
            lambda: ModelSpec("image", (8, 8, 1), (LSTM(3), OUTPUT)),
            "layer 1: LSTM expects a sequence (steps, features), but its input has shape "
            "(8, 8, 1): a Reshape layer lays it out so",
            ("layers", 0),
        ),
        (
            lambda: ModelSpec("values", (6,), (Embedding(11, 4), GRU(2), OUTPUT)),
            'Embedding takes tokens, whole numbers: give the model input_type = "int32"',
            ("layers", 0),
        ),
        (
            lambda: ModelSpec("values", (6,), (Dense(3), OUTPUT), "int32"),
            "an input of the type int32 holds tokens, which only an Embedding takes, but the first "
            "layer is Dense(3)",
            ("input_type",),
        ),
        (
            lambda: tokens(Flatten(), Concat(((Dense(2),), (Embedding(3, 4), Flatten()))), OUTPUT),
            "Embedding takes the model's tokens, so it can only be the first layer, but "
            "Embedding(3 tokens, 4) stands at layers.2.branches.1.0",
            ("layers", 2, "branches", 1, 0),
        ),
        (
            lambda: ModelSpec("square", (6, 6), (Embedding(11, 4), OUTPUT), "int32"),
            "layer 1: Embedding expects a row of tokens (steps,), but its input has shape (6, 6)",
            ("layers", 0),
        ),
        (
            lambda: tokens(Conv2D(2, (1, 1)), OUTPUT),
            "layer 2: Conv2D expects an image (height, width, channels), but its input has shape "
            "(6, 4)",
            ("layers", 1),
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_cure(make, reason, path):
    with pytest.raises(SpecError) as caught:
        make()
    assert caught.value.reason == reason
    assert caught.value.path == path


def test_other_layers_take_sequences():
    model = tokens(BatchNorm(), Reshape((3, 8)), GRU(2), OUTPUT)
    assert model.output_shape == (5,)
    assert model.vocabulary == 11
    assert model.training_flops > 0
