"""A model of the spec as a Keras model, compiled by the protocol."""

from __future__ import annotations

from typing import Any

from benchbench import ModelSpec, TrainingProtocol
from benchbench_keras.network import Network
from benchbench_keras.objective import Objective
from benchbench_keras.optimizers import make_optimizer


def compiled_network(
    keras: Any,
    model: ModelSpec,
    protocol: TrainingProtocol,
    objective: Objective,
    *,
    seed: int,
    jit_compile: bool | str,
) -> Network:
    """Return the Keras model that the spec describes, compiled; it gives logits.

    The last layer's activation is in the loss, as TensorFlow's and Keras's manuals advise (see
    `objective`).
    """
    network = Network(keras, model, seed=seed, compiled=jit_compile is True)
    held = zip(network.variables, model.variables, strict=True)
    undecayed = [variable for variable, told in held if told.trainable and not told.decayed]
    network.model.compile(
        optimizer=make_optimizer(keras, protocol, undecayed),
        jit_compile=jit_compile,
        **objective.compiled(),
    )
    return network
