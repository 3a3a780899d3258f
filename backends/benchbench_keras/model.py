"""A model of the spec as a Keras model, compiled by the protocol."""

from __future__ import annotations

from typing import Any

from benchbench import Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, TrainingProtocol, Unsupported
from benchbench_keras.objective import Objective
from benchbench_keras.optimizers import make_optimizer


def compiled_model(
    keras: Any, model: ModelSpec, protocol: TrainingProtocol, objective: Objective
) -> Any:
    """Return the `keras.Sequential` that the spec describes, compiled; it gives logits.

    The last layer's activation is in the loss, as TensorFlow's and Keras's manuals advise (see
    `objective`).
    """
    network = keras.Sequential(
        [
            keras.Input(shape=model.input_shape),
            *(_layer(keras, layer) for layer in model.layers[:-1]),
            keras.layers.Dense(model.classes),  # the last layer of a spec is Dense
        ]
    )
    trained = (variable for variable in model.variables if variable.trainable)
    held = zip(network.trainable_variables, trained, strict=True)
    undecayed = [variable for variable, told in held if not told.decayed]
    network.compile(
        optimizer=make_optimizer(keras, protocol, undecayed),
        **objective.compiled(),
    )
    return network


def _layer(keras: Any, layer: Any) -> Any:
    match layer:
        case Flatten():
            return keras.layers.Flatten()
        case Dense():
            return keras.layers.Dense(layer.units, activation=layer.activation)
        case Conv2D():
            return keras.layers.Conv2D(
                layer.filters, layer.kernel_size, activation=layer.activation
            )
        case MaxPool2D():
            return keras.layers.MaxPooling2D(layer.pool_size)
    raise Unsupported(f"the Keras backends have no layer {type(layer).__name__} yet")
