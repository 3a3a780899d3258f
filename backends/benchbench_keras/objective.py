"""The loss of the spec in Keras: the loss and metric of `compile`, targets and predictions.

Always from logits: from probabilities Keras clips to [1e-7, 1 - 1e-7] on torch and JAX.
"""

from __future__ import annotations

from typing import Any

import benchbench

# The name under which `fit` and `evaluate` report the task's metric.
METRIC = "metric"


class Objective:
    """A loss at work, on models that give logits (n, *outputs)."""

    def __init__(self, keras: Any, task: benchbench.Task) -> None:
        self._keras = keras
        self._kind = task.loss
        self._classes = task.classes
        # One-hot rows of a class at every step would be as large as the predictions.
        smoothing = getattr(task.loss, "label_smoothing", 0.0)
        self._sparse = task.classes is not None and bool(task.target_shape) and not smoothing

    def compiled(self) -> dict[str, Any]:
        """Return the options `loss` and `metrics` of `compile`."""
        keras = self._keras
        metrics = keras.metrics
        match self._kind:
            case benchbench.CrossEntropy() if self._sparse:
                return {
                    "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    "metrics": [metrics.SparseCategoricalAccuracy(name=METRIC)],
                }
            case benchbench.CrossEntropy(smoothing):
                # Label smoothing needs one-hot rows; so does Keras's own MNIST example.
                return {
                    "loss": keras.losses.CategoricalCrossentropy(
                        from_logits=True, label_smoothing=smoothing
                    ),
                    "metrics": [metrics.CategoricalAccuracy(name=METRIC)],
                }
            case benchbench.BinaryCrossEntropy():
                # Keras's own binary accuracy asks whether the rounded output IS the target.
                return {
                    "loss": keras.losses.BinaryCrossentropy(from_logits=True),
                    "metrics": [metrics.MeanMetricWrapper(self._right_sides, name=METRIC)],
                }
            case benchbench.MeanSquaredError():
                return {
                    "loss": keras.losses.MeanSquaredError(),
                    "metrics": [metrics.MeanAbsoluteError(name=METRIC)],
                }
        raise benchbench.Unsupported(f"Keras has no loss {type(self._kind).__name__} here")

    @property
    def description(self) -> str:
        """Return the loss as one would write it."""
        name = type(self.compiled()["loss"]).__name__
        return (
            name
            if isinstance(self._kind, benchbench.MeanSquaredError)
            else (f"{name}(from_logits=True)")
        )

    def targets(self, targets: Any) -> Any:
        """Return targets as the loss takes them: one-hot or numbers of classes, else values."""
        if isinstance(self._kind, benchbench.CrossEntropy) and not self._sparse:
            return self._keras.utils.to_categorical(targets, self._classes)
        return targets

    def output_layers(self) -> list[Any]:
        """Return the layers that make predictions of logits."""
        layers = self._keras.layers
        match self._kind:
            case benchbench.CrossEntropy():
                return [layers.Softmax()]
            case benchbench.BinaryCrossEntropy():
                return [layers.Activation("sigmoid")]
        return []

    def _right_sides(self, targets: Any, logits: Any) -> Any:
        """Return the share of outputs on the target's side of a half, (n,)."""
        ops = self._keras.ops
        right = ops.equal(ops.greater(logits, 0.0), ops.greater(targets, 0.5))
        return ops.mean(ops.cast(right, "float32"), axis=-1)


class TensorFlowObjective:
    """The same without Keras, for the graph of the tuned division."""

    def __init__(self, tensorflow: Any, loss: benchbench.Loss, classes: int) -> None:
        self._tf = tensorflow
        self._kind = loss
        self._classes = classes

    def constant(self, targets: Any) -> Any:
        """Return the targets as a tensor: classes int32, values float32."""
        kind = self._tf.int32 if isinstance(self._kind, benchbench.CrossEntropy) else None
        return self._tf.constant(targets, kind)

    def losses(self, targets: Any, logits: Any) -> Any:
        """Return the loss of each sample, (n,)."""
        nn = self._tf.nn
        match self._kind:
            case benchbench.CrossEntropy(smoothing) if smoothing:
                rows = self._tf.one_hot(targets, self._classes)
                rows = rows * (1 - smoothing) + smoothing / self._classes
                losses = nn.softmax_cross_entropy_with_logits(rows, logits)
            case benchbench.CrossEntropy():
                losses = nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            case benchbench.BinaryCrossEntropy():
                losses = nn.sigmoid_cross_entropy_with_logits(targets, logits)
            case _:
                losses = self._tf.math.squared_difference(logits, targets)
        return self._of_samples(losses)

    def mean_metric(self, targets: Any, logits: Any) -> float:
        """Return the metric over the samples."""
        tf = self._tf
        match self._kind:
            case benchbench.CrossEntropy():
                right = tf.argmax(logits, axis=-1, output_type=tf.int32) == targets
            case benchbench.BinaryCrossEntropy():
                right = (logits > 0) == (targets > 0.5)
            case _:
                return float(tf.reduce_mean(tf.abs(logits - targets)))
        return float(tf.reduce_mean(tf.cast(right, tf.float32)))

    def outputs(self, logits: Any) -> Any:
        """Return what is predicted: probabilities or values."""
        match self._kind:
            case benchbench.CrossEntropy():
                return self._tf.nn.softmax(logits)
            case benchbench.BinaryCrossEntropy():
                return self._tf.sigmoid(logits)
        return logits

    def _of_samples(self, losses: Any) -> Any:
        others = list(range(1, len(losses.shape)))
        return self._tf.reduce_mean(losses, axis=others) if others else losses
