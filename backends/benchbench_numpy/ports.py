"""What goes into each layer of a spec and what comes out, for `benchbench certify A B`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench import ModelSpec, TrainingProtocol, task_of
from benchbench_numpy.layers.layer import Layer
from benchbench_numpy.network import Network
from benchbench_numpy.objective import objective_of

Ends = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def trace_layers(
    model: ModelSpec,
    variables: Sequence[npt.NDArray[Any]],
    inputs: npt.NDArray[Any],
    precision: str,
) -> dict[str, Ends]:
    """Return both ends of each layer that holds variables, in the order in which they are called.

    `variables` are canonical; `precision` is "float32" or "float64". Evaluation: no dropout, moving
    statistics. An output is that before the layer's activation.
    """
    dtype = np.dtype(precision)
    network = Network(
        model,
        objective=objective_of(task_of(model, TrainingProtocol()).loss),
        batch_size=len(inputs),
        dtype=dtype,
        random=np.random.default_rng(0),
    )
    for own, array in zip(network.variables, variables, strict=True):
        own[...] = array
    network.set_training(False)
    traced: dict[str, Ends] = {}
    names = [leaf.name for leaf in model.leaves() if leaf.variables]
    for name, layer in zip(names, _with_variables(network._layers), strict=True):
        layer.forward = _recorder(name, layer.forward, traced)  # type: ignore[method-assign,assignment]
    values = inputs if np.issubdtype(inputs.dtype, np.integer) else inputs.astype(dtype)
    network.forward(values)
    return traced


def _with_variables(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        inner = layer.inner()
        if inner:
            yield from _with_variables(inner)
        elif layer.learns:
            yield layer


def _recorder(
    name: str, forward: Callable[[Any], Any], traced: dict[str, Ends]
) -> Callable[[Any], Any]:
    def record(x: Any) -> Any:
        went_in = x.copy()
        y = forward(x)
        traced[name] = went_in, y.copy()
        return y

    return record
