"""A model as a chain of layers over one array of parameters."""

from __future__ import annotations

import numpy as np

import benchbench
from benchbench_numpy.layers import Array, Convolution, Dense, Flatten, Layer, MaxPool, ReLU
from benchbench_numpy.loss import Targets
from benchbench_numpy.objective import Objective


class Network:
    """From inputs (n, *input_shape) to logits (n, *output_shape), and back to the gradient.

    `parameters` and `gradient` are one array each, (parameter_count,), in canonical order: per
    layer kernel, then bias, row-major. The layers hold views of them, so an optimiser has two
    arrays to look at however many layers there are. The activation of the output layer is not a
    layer here: it belongs to the loss, where it cancels a logarithm.
    """

    def __init__(
        self,
        model: benchbench.ModelSpec,
        *,
        objective: Objective,
        batch_size: int,
        dtype: np.dtype,
    ) -> None:
        self._objective = objective
        self.parameters = np.zeros(model.parameter_count, dtype)
        self.gradient = np.zeros_like(self.parameters)
        self._layers = _chain(model, self.parameters, self.gradient, batch_size=batch_size)
        self._first_learning = next(
            index
            for index, layer in enumerate(self._layers)
            if isinstance(layer, Convolution | Dense)
        )

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


def _chain(
    model: benchbench.ModelSpec, parameters: Array, gradient: Array, *, batch_size: int
) -> list[Layer]:
    """Build the layers over their parts of `parameters` and `gradient`, both (parameter_count,)."""
    layers: list[Layer] = []
    offset = 0
    for trace in model.trace():
        part = slice(offset, offset + trace.parameter_count)
        offset = part.stop
        activation = "linear"
        match trace.layer:
            case benchbench.Flatten():
                layers.append(Flatten(input_shape=trace.input_shape))
            case benchbench.Dense(units, activation):
                layers.append(
                    Dense(
                        parameters[part].reshape(-1, units),
                        gradient[part].reshape(-1, units),
                        batch_size=batch_size,
                    )
                )
            case benchbench.Conv2D(filters, kernel_size, activation):
                layers.append(
                    Convolution(
                        parameters[part].reshape(-1, filters),
                        gradient[part].reshape(-1, filters),
                        input_shape=trace.input_shape,
                        kernel_size=kernel_size,
                        batch_size=batch_size,
                    )
                )
            case benchbench.MaxPool2D(pool_size):
                # max_pool(relu(x)) = relu(max_pool(x)), in value and derivative, and the ReLU then
                # has a window's worth fewer values to look at.
                if layers and isinstance(layers[-1], ReLU):
                    layers.pop()
                    activation = "relu"
                layers.append(
                    MaxPool(
                        input_shape=trace.input_shape,
                        pool_size=pool_size,
                        batch_size=batch_size,
                        dtype=parameters.dtype,
                    )
                )
            case unknown:
                raise benchbench.Unsupported(
                    f"the NumPy backend has no {type(unknown).__name__} layer yet"
                )
        if trace.layer is model.layers[-1]:
            activation = "linear"  # what belongs to the output layer is in the loss
        if activation not in {"relu", "linear"}:
            raise benchbench.Unsupported(f"the NumPy backend has no activation '{activation}'")
        if activation == "relu":
            layers.append(
                ReLU(output_shape=trace.output_shape, batch_size=batch_size, dtype=parameters.dtype)
            )
    return layers
