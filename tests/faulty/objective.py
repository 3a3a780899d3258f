"""Tasks beyond plain cross-entropy, as the faults of their losses need them."""

from __future__ import annotations

from benchbench import CrossEntropy, Dense, ModelSpec, TrainingProtocol

SMOOTHED = TrainingProtocol(loss=CrossEntropy(label_smoothing=0.1))
ROWS = ModelSpec("rows", (11,), (Dense(7, "relu"), Dense(4, "softmax")))
YES_OR_NO = ModelSpec("yes-or-no", (11,), (Dense(7, "relu"), Dense(3, "sigmoid")))
VALUES = ModelSpec("values", (11,), (Dense(7, "relu"), Dense(2)))
ONE_VALUE = ModelSpec("one-value", (11,), (Dense(7, "relu"), Dense(1)))
TASK_MODELS = (ROWS, YES_OR_NO, VALUES, ONE_VALUE)

ONE_STEP = "update after 1 step"


def times(function, factor):
    """Return the function times `factor(outputs)`, the outputs of a sample counted."""

    def multiplied(logits, targets):
        return function(logits, targets) * logits.dtype.type(factor(logits.shape[1]))

    return multiplied


def objective(**functions):
    return {f"objective.{name}": function for name, function in functions.items()}


def of(loss, *, outputs=None):
    """Say whether a model has this loss, and so many outputs."""

    def applies(model):
        return model.output_activation == loss.activation and outputs in {None, model.classes}

    return applies
