"""The loss settles the task: targets, output activation, metric; a misfit is refused."""

from __future__ import annotations

import msgspec
import pytest

from benchbench import (
    BinaryCrossEntropy,
    CrossEntropy,
    Dense,
    MeanSquaredError,
    ModelSpec,
    TrainingProtocol,
    load_protocol,
    task_of,
)
from benchbench.errors import SpecError
from benchbench.spec.files import dump
from benchbench.spec.identity import canonical, spec_sha256
from benchbench.spec.layers import Flatten


def model(units=4, activation="softmax"):
    return ModelSpec("small", (3, 3, 1), (Flatten(), Dense(units, activation)))


@pytest.mark.parametrize(
    ("activation", "loss", "classes", "target_shape", "metric"),
    [
        ("softmax", CrossEntropy(), 4, (), "accuracy"),
        ("sigmoid", BinaryCrossEntropy(), None, (4,), "binary accuracy"),
        ("linear", MeanSquaredError(), None, (4,), "mean absolute error"),
    ],
)
def test_a_protocol_without_a_loss_takes_the_one_of_the_output(
    activation, loss, classes, target_shape, metric
):
    task = task_of(model(4, activation), TrainingProtocol())
    assert (task.loss, task.classes, task.target_shape) == (loss, classes, target_shape)
    assert task.metric.name == metric


def test_to_name_the_loss_that_is_taken_anyway_changes_no_hash():
    named = TrainingProtocol(loss=CrossEntropy())
    smoothed = TrainingProtocol(loss=CrossEntropy(label_smoothing=0.1))
    assert spec_sha256(model(), named) == spec_sha256(model(), TrainingProtocol())
    assert spec_sha256(model(), smoothed) != spec_sha256(model(), named)
    assert "loss" not in canonical(TrainingProtocol())


@pytest.mark.parametrize(
    ("loss", "activation", "cure"),
    [
        (MeanSquaredError(), "softmax", "take the loss CrossEntropy"),
        (CrossEntropy(), "linear", "take the loss MeanSquaredError"),
        (CrossEntropy(), "sigmoid", "take the loss BinaryCrossEntropy"),
    ],
)
def test_an_output_that_does_not_fit_the_loss_is_refused_with_the_cure(loss, activation, cure):
    with pytest.raises(SpecError, match=cure) as refusal:
        task_of(model(4, activation), TrainingProtocol(loss=loss))
    assert refusal.value.path == ("loss",)
    assert f"'{loss.activation}'" in str(refusal.value)


def test_one_output_with_softmax_is_refused_and_one_with_sigmoid_is_not():
    with pytest.raises(SpecError, match="an output with sigmoid"):
        model(1)
    assert task_of(model(1, "sigmoid"), TrainingProtocol()).target_shape == (1,)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[loss]\ntype = "Huber"', 2, "(at loss.type)"),
        ('[loss]\ntype = "CrossEntropy"\nlabel_smoothing = 1', 3, "below 1"),
        ('[loss]\ntype = "MeanSquaredError"\nhalf = true', 3, "there is 'half'"),
    ],
)
def test_a_loss_that_is_none_is_refused_with_its_line(check_refusal, text, line, reason):
    check_refusal(load_protocol, text, line, reason)


@pytest.mark.parametrize("loss", [None, CrossEntropy(label_smoothing=0.1), MeanSquaredError()])
def test_a_protocol_comes_back_from_its_file(write, loss):
    protocol = msgspec.structs.replace(TrainingProtocol(), loss=loss)
    assert load_protocol(write(dump(protocol))) == protocol
