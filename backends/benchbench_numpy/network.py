"""A model as a chain of layers over one array of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

import benchbench
from benchbench_numpy.layers import (
    FUNCTIONS,
    GRU,
    LSTM,
    Array,
    Attention,
    AveragePool,
    BatchNorm,
    Chain,
    Concat,
    Convolution,
    Dense,
    Dropout,
    Elementwise,
    Embedding,
    Flatten,
    GlobalAverage,
    Layer,
    LayerNorm,
    MaxPool,
    PositionEmbedding,
    ReLU,
    Reshape,
    Residual,
    windows_of,
)
from benchbench_numpy.layers.elementwise import MISTAKEN_FUNCTIONS
from benchbench_numpy.layers.mistaken import MISTAKEN
from benchbench_numpy.loss import Targets
from benchbench_numpy.objective import Objective

Kind = TypeVar("Kind", bound=Layer)


class Network:
    """From inputs (n, *input_shape) to logits (n, *output_shape), and back to the gradient.

    `parameters` and `gradient` are one array each, (trainable values,), in canonical order,
    row-major; `variables` are views, trainable or not, in the spec's order and shapes. The layers
    hold views too, so an optimiser has two arrays to look at however many layers there are. The
    activation of the output layer is not a layer here: it belongs to the loss, where it cancels a
    logarithm.
    """

    def __init__(
        self,
        model: benchbench.ModelSpec,
        *,
        objective: Objective,
        batch_size: int,
        dtype: np.dtype,
        random: np.random.Generator,
    ) -> None:
        self._objective = objective
        builder = _Builder(model, batch_size=batch_size, dtype=dtype, random=random)
        self.parameters, self.gradient = builder.parameters, builder.gradient
        self._layers = builder.chain(model.trace())
        self.variables: Sequence[Array] = builder.variables
        self._first_learning = next(
            index for index, layer in enumerate(self._layers) if layer.learns
        )

    def set_training(self, training: bool) -> None:
        """Say whether what follows is training: some layers compute another function then."""
        for layer in _all(self._layers):
            layer.training = training

    def forward(self, inputs: Array) -> Array:
        """Return the logits, (n, *output_shape)."""
        x = inputs
        for layer in self._layers:
            x = layer.forward(x)
        return x

    def backward(self, logits: Array, targets: Targets) -> None:
        """Write the derivative of the batch's loss, after the latest `forward`, to `gradient`."""
        dy = self._objective.gradient(logits, targets)
        first, *others = self._layers[self._first_learning :]
        for layer in reversed(others):
            layer.backward_parameters(dy)
            dy = layer.backward_input(dy)
        # What comes before the first layer that learns needs no derivative.
        first.backward_parameters(dy)


def _all(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        yield from _all(layer.inner())


def _kind(layer: benchbench.Layer, right: type[Kind]) -> type[Kind]:
    """Return the class of the layer: the right one, or that of the mistake that is asked for."""
    mistake = getattr(layer, "mistake", "")
    if not mistake:
        return right
    mistaken: type[Kind] = MISTAKEN[str(layer.__struct_config__.tag), mistake]
    return mistaken


class _Builder:
    """Builds layers over their parts of one array of parameters, and one of their gradients."""

    def __init__(
        self,
        model: benchbench.ModelSpec,
        *,
        batch_size: int,
        dtype: np.dtype,
        random: np.random.Generator,
    ) -> None:
        self.parameters = np.zeros(model.trainable_count, dtype)
        self.gradient = np.zeros_like(self.parameters)
        self.variables: list[Array] = []
        self._batch_size = batch_size
        self._dtype = dtype
        self._random = random
        self._used = 0
        self._output_name = model.trace()[-1].name

    def chain(self, traces: Iterable[benchbench.LayerTrace]) -> list[Layer]:
        """Return the layers of a chain of the spec, and note their variables."""
        layers: list[Layer] = []
        for trace in traces:
            if trace.chains:
                chains = [Chain(self.chain(chain)) for chain in trace.chains]
                layers.append(self._composite(trace.layer, chains))
                continue
            activation = getattr(trace.layer, "activation", "linear")
            if isinstance(trace.layer, benchbench.Activation):
                activation = trace.layer.function
            else:
                # max_pool(relu(x)) = relu(max_pool(x)), in value and derivative, and the ReLU then
                # has a window's worth fewer values to look at.
                pooled = isinstance(trace.layer, benchbench.MaxPool2D)
                if pooled and layers and isinstance(layers[-1], ReLU):
                    layers.pop()
                    activation = "relu"
                layers.append(self._layer(trace))
            if trace.name != self._output_name:  # the output layer's belongs to the loss
                layers += self._activation(activation, trace.output_shape)
        return layers

    def _composite(self, layer: benchbench.Layer, chains: list[Chain]) -> Layer:
        match layer:
            case benchbench.Residual():
                return Residual(chains)
            case benchbench.Concat():
                return Concat(chains)
        raise benchbench.Unsupported(f"the NumPy backend has no {type(layer).__name__} layer yet")

    def _layer(self, trace: benchbench.LayerTrace) -> Layer:  # noqa: PLR0911 - one a kind
        layer, shape = trace.layer, trace.input_shape
        match layer:
            case benchbench.Dense(units):
                return Dense(
                    *self._take(trace, units),
                    batch_size=self._batch_size,
                    places=shape[:-1],
                    use_bias=layer.use_bias,
                )
            case benchbench.Conv2D(filters):
                return Convolution(
                    *self._take(trace, filters),
                    input_shape=shape,
                    windows=windows_of(layer, shape, trace.output_shape),
                    batch_size=self._batch_size,
                    groups=layer.groups,
                    use_bias=layer.use_bias,
                )
            case benchbench.BatchNorm():
                return BatchNorm(
                    *self._take(trace, shape[-1]),
                    self._take_state(trace, shape[-1]),
                    momentum=layer.momentum,
                    epsilon=layer.epsilon,
                )
            case benchbench.LayerNorm():
                return LayerNorm(*self._take(trace, shape[-1]), epsilon=layer.epsilon)
            case benchbench.MaxPool2D() | benchbench.AvgPool2D():
                is_max = isinstance(layer, benchbench.MaxPool2D)
                pool = _kind(layer, MaxPool) if is_max else _kind(layer, AveragePool)
                return pool(
                    input_shape=shape,
                    windows=windows_of(layer, shape, trace.output_shape),
                    batch_size=self._batch_size,
                    dtype=self._dtype,
                )
            case benchbench.GlobalAvgPool2D() | benchbench.GlobalAvgPool1D():
                return _kind(layer, GlobalAverage)(input_shape=shape)
            case benchbench.Flatten():
                return Flatten(input_shape=shape)
            case benchbench.Reshape():
                return Reshape(input_shape=shape, output_shape=trace.output_shape)
            case benchbench.Dropout(rate):
                return Dropout(rate, self._random)
        return self._of_sequence(trace)

    def _of_sequence(self, trace: benchbench.LayerTrace) -> Layer:
        layer, features = trace.layer, trace.output_shape[-1]
        match layer:
            case benchbench.Embedding():
                return _kind(layer, Embedding)(*self._take(trace, features))
            case benchbench.PositionEmbedding():
                return PositionEmbedding(*self._take(trace, features))
            case benchbench.MultiHeadAttention(heads):
                attention = _kind(layer, Attention)
                return attention(*self._take(trace, features), heads=heads, causal=layer.causal)
            case benchbench.LSTM() | benchbench.GRU():
                recurrent = _kind(layer, LSTM if isinstance(layer, benchbench.LSTM) else GRU)
                return recurrent(
                    *self._take(trace, recurrent.gates * layer.units),
                    features=trace.input_shape[1],
                    return_sequences=layer.return_sequences,
                )
        raise benchbench.Unsupported(f"the NumPy backend has no {type(layer).__name__} layer yet")

    def _activation(self, name: str, shape: tuple[int, ...]) -> list[Layer]:
        if name == "relu":
            return [ReLU(output_shape=shape, batch_size=self._batch_size, dtype=self._dtype)]
        if name == "linear":
            return []
        if name not in FUNCTIONS and name not in MISTAKEN_FUNCTIONS:
            raise benchbench.Unsupported(f"the NumPy backend has no activation '{name}'")
        return [Elementwise(name)]

    def _take(self, trace: benchbench.LayerTrace, columns: int) -> tuple[Array, Array]:
        """Return the layer's trainable parameters and their gradient, both (rows, columns)."""
        count = sum(variable.count for variable in trace.variables if variable.trainable)
        part = slice(self._used, self._used + count)
        self._used = part.stop
        self._note(trace, self.parameters[part], trainable=True)
        return self.parameters[part].reshape(-1, columns), self.gradient[part].reshape(-1, columns)

    def _take_state(self, trace: benchbench.LayerTrace, columns: int) -> Array:
        """Return new memory for the layer's variables that are not trained, (rows, columns)."""
        count = sum(variable.count for variable in trace.variables if not variable.trainable)
        state = np.zeros(count, self._dtype)
        self._note(trace, state, trainable=False)
        return state.reshape(-1, columns)

    def _note(self, trace: benchbench.LayerTrace, memory: Array, *, trainable: bool) -> None:
        """Add views of the layer's variables, which lie in `memory` one after another."""
        start = 0
        for variable in trace.variables:
            if variable.trainable == trainable:
                part = memory[start : start + math.prod(variable.shape)]
                start += variable.count
                self.variables.append(part.reshape(variable.shape))
