"""What every layer of Keras must be to be one of a spec, and how a layer is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras

import benchbench
from benchbench.plugins.port_graph import PortGraph

Read = Callable[[PortGraph, Any, list[str], Any, Any], str]

_ACTIVATIONS = {
    keras.activations.linear: "linear",
    keras.activations.relu: "relu",
    keras.activations.relu6: "relu6",
    keras.activations.leaky_relu: "leaky_relu",
    keras.activations.elu: "elu",
    keras.activations.gelu: "gelu",
    keras.activations.silu: "silu",
    keras.activations.tanh: "tanh",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.softmax: "softmax",
}
_PENALTIES = (
    *("kernel_regularizer", "bias_regularizer", "activity_regularizer", "gamma_regularizer"),
    *("beta_regularizer", "embeddings_regularizer", "depthwise_regularizer"),
    "recurrent_regularizer",
)
_CONSTRAINTS = tuple(name.replace("regularizer", "constraint") for name in _PENALTIES)


def common_troubles(layer: Any) -> Iterator[tuple[str, str]]:
    """Yield what no layer of a spec has, and what to do."""
    if getattr(layer, "weights", ()) and not layer.trainable:
        yield "it is frozen (trainable=False)", "a spec trains every layer"
    for name in _PENALTIES:
        if getattr(layer, name, None) is not None:
            yield (
                f"its {name} adds a penalty to the loss",
                "leave it out: a protocol has weight_decay, which is decoupled from the loss",
            )
    for name in _CONSTRAINTS:
        if getattr(layer, name, None) is not None:
            yield f"it has a {name}", "a spec's weights are free"
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        yield "its data_format is channels_first", "a spec's images are channels last"
    kind = getattr(layer, "compute_dtype", None)
    if kind is not None and kind not in {"float32", "int32", "int64"}:
        yield f"it computes in {kind}", "a spec's layers compute in float32"
    if getattr(layer, "quantization_mode", None):
        yield "it is quantized", "a spec's layers compute in float32"


def activation_of(function: Any) -> str | None:
    """Return the spec's name of an activation, None for another function."""
    if isinstance(function, keras.layers.Layer):
        return None
    try:
        return _ACTIVATIONS.get(function)
    except TypeError:  # what cannot be hashed
        return None


def weighted(make: Callable[[Any, Any], benchbench.Layer]) -> Read:
    """Return what reads a layer with an activation; one of the user's own is noted."""

    def read(graph: PortGraph, layer: Any, nodes: list[str], _args: Any, _named: Any) -> str:
        name = activation_of(layer.activation)
        if name is None:
            told = getattr(layer.activation, "__name__", type(layer.activation).__name__)
            return graph.refuse(
                layer.name,
                f"its activation {told} is none of the spec's, or a function of your own",
                f"take one of {', '.join(_ACTIVATIONS.values())}",
                nodes[0],
            )
        try:
            made = make(layer, name)
        except Refused as error:
            return graph.refuse(layer.name, str(error), error.cure, nodes[0])
        return graph.layer(layer.name, made, nodes[0])

    return read


def plain(make: Callable[[Any], benchbench.Layer]) -> Read:
    """Return what reads a layer without an activation of its own."""

    def read(graph: PortGraph, layer: Any, nodes: list[str], _args: Any, _named: Any) -> str:
        try:
            made = make(layer)
        except Refused as error:
            return graph.refuse(layer.name, str(error), error.cure, nodes[0])
        return graph.layer(layer.name, made, nodes[0])

    return read


class Refused(Exception):  # noqa: N818 - an answer
    """The layer is none of the spec's; `cure` says what to do."""

    def __init__(self, reason: str, cure: str = "") -> None:
        super().__init__(reason)
        self.cure = cure


def require(holds: bool, reason: str, cure: str = "") -> None:
    """Raise Refused unless it holds."""
    if not holds:
        raise Refused(reason, cure)
