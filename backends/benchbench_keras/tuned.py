"""The tuned division, TensorFlow only: one compiled call an epoch, over data that stays put.

The weights are those of the same Keras model; what differs is how its function is executed.
`docs/keras.md` says what was tried and what each choice brought.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchbench import (
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ModelSpec,
    Observer,
    Score,
    Split,
    TrainingProtocol,
    Unsupported,
    task_of,
)
from benchbench_keras.engines import Settings, TensorFlowEngine
from benchbench_keras.idiomatic import IdiomaticTrainer
from benchbench_keras.objective import TensorFlowObjective
from benchbench_keras.resource_kernels import make_kernel_optimizer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# On the CPU XLA halves the time of a model whose steps are overhead, but its products and
# convolutions are slower than TensorFlow's own: single-layer has 15,690 operations a sample,
# two-layer 813,578.
_XLA_FLOPS = 100_000

_EVALUATION_BATCH = 250


class TunedTrainer(IdiomaticTrainer):
    """The Keras model of the idiomatic division, trained by one graph an epoch.

    Images and labels are moved to the device once; an epoch gets a permutation and the
    numbers of its steps, gathers its batches, and gives back its loss.
    """

    def __init__(
        self,
        engine: TensorFlowEngine,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        device: str,
        seed: int,
    ) -> None:
        super().__init__(engine, model, protocol, device=device, seed=seed)
        tf = self._tf = engine.tensorflow
        self._variables = [variable.value for variable in self._model.trainable_variables]
        decayed = [one.decayed for one in model.variables if one.trainable]
        self._optimizer = make_kernel_optimizer(tf, protocol, self._variables, decayed)
        self._forward = _forward(tf, model)
        self._rule = TensorFlowObjective(tf, task_of(model, protocol).loss, model.classes)
        self._jit_compile = device != "cpu" or model.forward_flops < _XLA_FLOPS
        self._epoch = tf.function(self._train_epoch, autograph=False, jit_compile=self._jit_compile)
        self._logits = tf.function(self._all_logits, autograph=False)

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        import numpy as np

        tf, protocol = self._tf, self._protocol
        images, answers = tf.constant(train.inputs), self._rule.constant(train.targets)
        unseen = tf.constant(validation.inputs)
        self._sample_count = len(train)
        random = np.random.default_rng(self._seed)
        order = np.arange(len(train), dtype=np.int32)
        steps = -(-len(train) // protocol.batch_size)
        for epoch in range(protocol.epochs):
            if protocol.shuffle:
                order = random.permutation(order)
            numbers = self._optimizer.numbers(epoch * steps, steps)
            loss = self._epoch(images, answers, tf.constant(order), tf.constant(numbers))
            observer.epoch_trained(float(loss))
            observer.epoch_validated(self._score(unseen, validation.targets))

    def evaluate(self, split: Split) -> Score:
        return self._score(self._tf.constant(split.inputs), split.targets)

    def predict(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits = self._logits(self._tf.constant(inputs))
        outputs: npt.NDArray[np.float32] = self._rule.outputs(logits).numpy()
        return outputs

    def order(self, epoch: int) -> npt.NDArray[np.int32]:
        import numpy as np

        random = np.random.default_rng(self._seed)
        order = np.arange(self._sample_count, dtype=np.int32)
        if self._protocol.shuffle:
            for _ in range(epoch):
                order = random.permutation(order)
        return order

    def settings(self) -> Settings:
        return super().settings() | {
            "jit_compile": self._jit_compile,
            "steps_per_execution": "an epoch",
            "loss": "TensorFlow's own, from logits",
            **self._optimizer.settings(),
            "evaluation_batch_size": _EVALUATION_BATCH,
            "data": "resident on the device, gathered by a permutation",
        }

    def _train_epoch(self, images: Any, answers: Any, order: Any, numbers: Any) -> Any:
        """Take all steps of one epoch; return its mean loss. Traced by `tf.function`."""
        tf, batch_size = self._tf, self._protocol.batch_size
        count = order.shape[0]
        steps, rest = divmod(count, batch_size)

        def step(number: Any, total: Any) -> tuple[Any, Any]:
            batch = tf.slice(order, [number * batch_size], [batch_size])
            return number + 1, total + self._step(images, answers, batch, numbers[number])

        _, total = tf.while_loop(
            lambda number, _: number < steps, step, (0, 0.0), parallel_iterations=1
        )
        if rest:
            total += self._step(images, answers, order[count - rest :], numbers[steps])
        return total / count

    def _step(self, images: Any, answers: Any, batch: Any, numbers: Any) -> Any:
        """Take one step on the samples of these indices; return the sum of their losses."""
        tf = self._tf
        targets = tf.gather(answers, batch)
        values = [tf.convert_to_tensor(variable) for variable in self._variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logits = self._forward(tf.gather(images, batch), values)
            loss = self._rule.losses(targets, logits)
            mean = tf.reduce_mean(loss)
        self._optimizer.apply(tape.gradient(mean, values), numbers)
        return tf.reduce_sum(loss)

    def _score(self, images: Any, targets: npt.NDArray[Any]) -> Score:
        logits, answers = self._logits(images), self._rule.constant(targets)
        loss = float(self._tf.reduce_mean(self._rule.losses(answers, logits)))
        return Score(loss=loss, metric=self._rule.mean_metric(answers, logits))

    def _all_logits(self, images: Any) -> Any:
        """Return the logits (n, *output_shape), computed in batches. Traced by `tf.function`."""
        tf = self._tf
        values = [tf.convert_to_tensor(variable) for variable in self._variables]
        whole = images.shape[0] // _EVALUATION_BATCH * _EVALUATION_BATCH
        parts = []
        if whole:
            batches = tf.reshape(images[:whole], [-1, _EVALUATION_BATCH, *images.shape[1:]])
            logits = tf.map_fn(lambda batch: self._forward(batch, values), batches)
            parts.append(tf.reshape(logits, [whole, *self._spec.output_shape]))
        if whole < images.shape[0]:
            parts.append(self._forward(images[whole:], values))
        return tf.concat(parts, axis=0)


def _forward(tf: Any, model: ModelSpec) -> Callable[[Any, list[Any]], Any]:
    """Return the function from inputs (n, *input_shape) and parameters to logits.

    Bias and activation of a convolution that is pooled come after the pooling, on a quarter of the
    elements: the same function, since adding a number and clipping below keep what is largest.
    """
    layers = model.layers

    def forward(values: Any, parameters: list[Any]) -> Any:
        arrays = iter(parameters)
        waiting: tuple[Any, str] | None = None
        for layer, following in zip(layers, (*layers[1:], None), strict=True):
            match layer:
                case Flatten():
                    values = tf.reshape(values, [values.shape[0], -1])
                case Dense():
                    values = tf.matmul(values, next(arrays))
                    waiting = next(arrays), layer.activation
                case Conv2D():
                    values = tf.nn.conv2d(values, next(arrays), strides=1, padding="VALID")
                    waiting = next(arrays), layer.activation
                case MaxPool2D():
                    size = layer.pool_size
                    values = tf.nn.max_pool2d(values, ksize=size, strides=size, padding="VALID")
                case _:
                    raise Unsupported(f"the tuned division has no layer {type(layer).__name__} yet")
            if waiting and not isinstance(following, MaxPool2D):
                bias, activation = waiting
                values, waiting = tf.nn.bias_add(values, bias), None
                match activation:
                    case "relu":
                        values = tf.nn.relu(values)
                    case "linear" | "sigmoid" | "softmax":  # of the output layer: in the loss
                        pass
                    case _:
                        raise Unsupported(f"the tuned division has no activation '{activation}'")
        return values

    return forward
