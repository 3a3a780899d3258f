"""A model of the spec as a Keras model, and its variables in the spec's order.

A chain is a `keras.Sequential`; a model with branches or attention is a functional one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import benchbench
from benchbench_keras.sequences import sequence_layer


class Network:
    """The model: `model` gives logits; `variables` are Keras's, in the order of the spec's.

    The activation of the output layer belongs to the loss, as TensorFlow's and Keras's manuals
    advise.
    """

    def __init__(
        self, keras: Any, model: benchbench.ModelSpec, *, seed: int, compiled: bool = False
    ) -> None:
        self._keras = keras
        self._seed = seed
        self._compiled = compiled
        self._output_name = model.trace()[-1].name
        self._layers: list[Any] = []
        traces = model.trace()
        inputs = keras.Input(shape=model.input_shape, dtype=model.input_type)
        if any(_is_called_otherwise(trace) for trace in traces):
            self.model = keras.Model(inputs, self._chain(traces, inputs))
        else:
            self.model = keras.Sequential([inputs, *(self._plain(trace) for trace in traces)])
        self.variables = [weight for layer in self._layers for weight in layer.weights]

    def _chain(self, traces: Iterable[benchbench.LayerTrace], x: Any) -> Any:
        for trace in traces:
            match trace.layer:
                case benchbench.Residual():
                    x = self._keras.layers.add([self._chain(chain, x) for chain in trace.chains])
                case benchbench.Concat():
                    branches = [self._chain(chain, x) for chain in trace.chains]
                    x = self._keras.layers.concatenate(branches)
                case benchbench.MultiHeadAttention(causal=causal):
                    x = self._plain(trace)(x, x, use_causal_mask=causal)
                case _:
                    x = self._plain(trace)(x)
        return x

    def _plain(self, trace: benchbench.LayerTrace) -> Any:
        """Return the Keras layer of a layer of the spec that holds no others."""
        activation = getattr(trace.layer, "activation", getattr(trace.layer, "function", "linear"))
        if trace.name == self._output_name:
            activation = "linear"
        layer = self._layer(trace, _activation(self._keras, activation))
        self._layers.append(layer)
        return layer

    def _layer(  # noqa: PLR0911, PLR0912 - one a kind of layer
        self, trace: benchbench.LayerTrace, activation: Any
    ) -> Any:
        layers, layer = self._keras.layers, trace.layer
        match layer:
            case benchbench.Flatten():
                return layers.Flatten()
            case benchbench.Reshape():
                return layers.Reshape(layer.shape)
            case benchbench.Activation():
                return layers.Activation(activation)
            case benchbench.Dense():
                return layers.Dense(layer.units, activation=activation, use_bias=layer.use_bias)
            case benchbench.Conv2D():
                return layers.Conv2D(
                    layer.filters,
                    layer.kernel_size,
                    strides=layer.strides,
                    padding=layer.padding,
                    dilation_rate=layer.dilation,
                    groups=layer.groups,
                    activation=activation,
                    use_bias=layer.use_bias,
                )
            case benchbench.MaxPool2D():
                return layers.MaxPooling2D(layer.pool_size, layer.steps, layer.padding)
            case benchbench.AvgPool2D():
                if layer.padding == "same" and self._keras.config.backend() == "torch":
                    return _counting_pool(self._keras, trace)
                return layers.AveragePooling2D(layer.pool_size, layer.steps, layer.padding)
            case benchbench.GlobalAvgPool2D():
                return layers.GlobalAveragePooling2D()
            case benchbench.GlobalAvgPool1D():
                return layers.GlobalAveragePooling1D()
            case benchbench.BatchNorm():
                return layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon)
            case benchbench.LayerNorm():
                return layers.LayerNormalization(epsilon=layer.epsilon)
            case benchbench.Dropout():
                return layers.Dropout(layer.rate, seed=self._seed + len(self._layers))
        return sequence_layer(self._keras, trace, compiled=self._compiled)


def _is_called_otherwise(trace: benchbench.LayerTrace) -> bool:
    """Say whether a layer takes more than the output of the one before it."""
    return bool(trace.chains) or isinstance(trace.layer, benchbench.MultiHeadAttention)


def _activation(keras: Any, name: str) -> Any:
    """Return what Keras takes as an activation."""
    if name == "gelu_tanh":
        return lambda x: keras.activations.gelu(x, approximate=True)
    if name == "leaky_relu":
        # `keras.activations.leaky_relu` has another derivative at 0 on JAX: 1, not the slope.
        return lambda x: keras.ops.where(x > 0, x, benchbench.LEAKY_SLOPE * x)
    return name


def _counting_pool(keras: Any, trace: benchbench.LayerTrace) -> Any:
    """Return an average pool that leaves padding out: Keras on torch averages repeated borders."""
    layer = trace.layer
    assert isinstance(layer, benchbench.AvgPool2D)  # noqa: S101 - for the types
    size, steps = layer.pool_size, layer.steps
    padding = [
        benchbench.padding_amounts(trace.input_shape[axis], size[axis], steps[axis], "same")
        for axis in (0, 1)
    ]
    ops = keras.ops

    class CountingAveragePool(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            sums = ops.average_pool(self._padded(x), size, steps, "valid")
            counts = ops.average_pool(self._padded(ops.ones_like(x[:1, :, :, :1])), size, steps)
            return sums / counts

        def _padded(self, x: Any) -> Any:
            return ops.pad(x, [(0, 0), *padding, (0, 0)])

    return CountingAveragePool()
