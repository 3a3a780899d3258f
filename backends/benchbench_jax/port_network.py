"""A user's Flax NNX Sequential as layers of the spec.

What a Sequential holds beside modules are functions, which do not say what they are: each is called
with numbers, and is the layer of the spec that answers the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import benchbench
from benchbench.plugins.port_graph import INPUT, PortGraph
from benchbench.plugins.ports import PortError, PortNetwork
from benchbench_jax import functions
from benchbench_jax.port_layers import pair_of

_CLOSE = 1e-5
_ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"),
    "softmax",
)
_OWN = "write it as nnx.Sequential of nnx modules and of functions that a spec has a layer for"


def read_network(module: Any, shape: tuple[int, ...]) -> PortNetwork:
    """Return the module as layers of the spec. Raises PortError for one that is no Sequential."""
    if not isinstance(module, nnx.Sequential):
        raise PortError(
            f"a {type(module).__name__} has a `__call__` of its own, which cannot be read layer by "
            f"layer: {_OWN}"
        )
    module.eval()
    graph = PortGraph(shape)
    tokens = any(isinstance(one, nnx.Embed) for one in module.layers)
    random = np.random.default_rng(0)
    values = random.uniform(-2, 2, (3, *shape)).astype(np.float32)
    reader = _Reader(graph)
    return graph.network(
        reader.sequence(module, INPUT, jnp.asarray(values * 0 if tokens else values), "")[0]
    )


class _Reader:
    def __init__(self, graph: PortGraph) -> None:
        self._graph = graph
        self._called: set[int] = set()

    def sequence(self, module: Any, node: str, x: Any, prefix: str) -> tuple[str, Any]:
        """Add the layers of a Sequential; return the last node, and what it gives for x."""
        for place, layer in enumerate(module.layers):
            name = f"{prefix}layers.{place}"
            if isinstance(layer, nnx.Sequential):
                node, x = self.sequence(layer, node, x, f"{name}.")
                continue
            if isinstance(layer, nnx.Module):
                if id(layer) in self._called:
                    reason = "it stands here twice: a spec has no layers that share their weights"
                    self._graph.note(name, reason, "make a layer for each place")
                self._called.add(id(layer))
                x = x.astype(jnp.int32) if isinstance(layer, nnx.Embed) else x
                node = self._module(name, layer, node)
                x = layer(x)
            else:
                node, x = self._function(name, layer, node), layer(x)
        return node, x

    def _module(  # noqa: PLR0911 - one a kind of module
        self, name: str, layer: Any, node: str
    ) -> str:
        graph = self._graph
        if getattr(layer, "dtype", None) not in {None, jnp.float32}:
            return graph.refuse(name, f"it computes in {layer.dtype}", "leave dtype out", node)
        match layer:
            case nnx.Linear():
                made: Any = benchbench.Dense(layer.out_features, use_bias=layer.use_bias)
                return graph.layer(name, made, node)
            case nnx.Conv():
                return self._convolution(name, layer, node)
            case nnx.BatchNorm() if layer.use_bias and layer.use_scale and layer.axis == -1:
                made = benchbench.BatchNorm(float(layer.momentum), float(layer.epsilon))
                return graph.layer(name, made, node)
            case nnx.LayerNorm() if layer.use_bias and layer.use_scale:
                return graph.layer(name, benchbench.LayerNorm(float(layer.epsilon)), node)
            case nnx.Dropout() if not layer.broadcast_dims and layer.rate < 1:
                return graph.layer(name, benchbench.Dropout(float(layer.rate)), node)
            case nnx.Embed():
                made = benchbench.Embedding(layer.num_embeddings, layer.features)
                return graph.layer(name, made, node)
        return graph.refuse(
            name, f"no spec has a layer like this {type(layer).__name__}", _OWN, node
        )

    def _convolution(self, name: str, layer: Any, node: str) -> str:
        graph, size = self._graph, tuple(layer.kernel_size)
        padding = layer.padding.lower() if isinstance(layer.padding, str) else None
        if len(size) == 2 and padding is None:
            first, second = pair_of(layer.kernel_dilation)
            window = (size[0] - 1) * first + 1, (size[1] - 1) * second + 1
            strides = pair_of(layer.strides)
            padding = graph.padding(node, window, strides, _amounts(layer.padding))
        if len(size) != 2 or padding not in {"same", "valid"} or layer.mask is not None:
            reason = f"it has a kernel of {size} and the padding {layer.padding}"
            cure = "a spec has Conv2D with the padding SAME or VALID"
            return graph.refuse(name, reason, cure, node)
        if pair_of(layer.input_dilation) != (1, 1):
            return graph.refuse(name, "its input is dilated", "", node)
        made = benchbench.Conv2D(
            layer.out_features,
            size,
            strides=pair_of(layer.strides),
            padding="same" if padding == "same" else "valid",
            groups=layer.feature_group_count,
            dilation=pair_of(layer.kernel_dilation),
            use_bias=layer.use_bias,
        )
        return graph.layer(name, made, node)

    def _function(self, name: str, layer: Any, node: str) -> str:
        shape = self._graph.shape(node)
        if shape is None:
            return self._graph.copy(name, node)
        # Wide enough to tell relu6 from relu.
        before = jnp.asarray(np.random.default_rng(1).uniform(-9, 9, (3, *shape)), jnp.float32)
        after = layer(before)
        if _same(after, before):
            return self._graph.copy(name, node)
        if after.shape == before.shape and _same(after, jax.nn.log_softmax(before)):
            return self._graph.log_softmax(name, node)
        for candidate in _candidates(shape, tuple(after.shape[1:])):
            if _same(_apply(candidate, before), after):
                return self._graph.layer(name, candidate, node)
        told = getattr(layer, "__name__", type(layer).__name__)
        return self._graph.refuse(
            name, f"the function {told} answers as no layer of a spec does", _OWN, node
        )


def _amounts(padding: Any) -> tuple[int, int, int, int]:
    """Return padding in numbers as (top, bottom, left, right)."""
    sides = (padding, padding) if isinstance(padding, int) else tuple(padding)
    rows, columns = ((one, one) if isinstance(one, int) else tuple(one) for one in sides)
    return (*rows, *columns)


def _candidates(before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[benchbench.Layer]:
    """Yield the layers without variables that make samples of one shape from those of another."""
    if len(after) == 1 and int(np.prod(before)) == after[0]:
        yield benchbench.Flatten()
    if before == after:
        yield from (benchbench.Activation(name) for name in _ACTIVATIONS)  # type: ignore[arg-type]
    if len(before) == 3 and after == before[2:]:
        yield benchbench.GlobalAvgPool2D()
    if len(before) == 2 and after == before[1:]:
        yield benchbench.GlobalAvgPool1D()
    if int(np.prod(before)) == int(np.prod(after)) and 1 <= len(after) <= 3:
        yield benchbench.Reshape(after)
    if len(before) == len(after) == 3 and before[2] == after[2]:
        for size in range(2, 8):
            for stride in range(1, size + 1):
                for padding in ("valid", "same"):
                    for kind in (benchbench.MaxPool2D, benchbench.AvgPool2D):
                        strides = None if stride == size else (stride, stride)
                        pool = kind((size, size), strides, padding)
                        try:
                            if pool.output_shape(before) == after:
                                yield pool
                        except benchbench.BenchbenchError:
                            continue


def _apply(layer: benchbench.Layer, x: Any) -> Any:
    if isinstance(layer, benchbench.Activation) and layer.function == "softmax":
        return jax.nn.softmax(x)
    return functions.apply(layer, x)


def _same(one: Any, other: Any) -> bool:
    return bool(one.shape == other.shape and jnp.allclose(one, other, atol=_CLOSE, rtol=_CLOSE))
