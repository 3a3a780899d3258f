"""A user's Keras model as layers of the spec: Sequential, or functional with sums and branches."""

from __future__ import annotations

from typing import Any

import keras

from benchbench.plugins.port_graph import INPUT, PortGraph
from benchbench.plugins.ports import PortError, PortNetwork
from benchbench_keras.port_rules import common_troubles
from benchbench_keras.port_spec import LAYERS, OPERATIONS

_OWN = "write it with layers of Keras that docs/reference.md has a layer for"


def read_network(model: Any, shape: tuple[int, ...]) -> PortNetwork:
    """Return the model as layers of the spec. Raises PortError for one with a `call` of its own."""
    graph = PortGraph(shape)
    reader = _Reader(graph)
    return graph.network(reader.model(model, INPUT))


class _Reader:
    def __init__(self, graph: PortGraph) -> None:
        self._graph = graph
        self._called: set[int] = set()

    def model(self, model: Any, node: str) -> str:
        """Add what a model computes of the value behind a node; return the last node."""
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                node = self._operation(layer, [node], (), {})
            return node
        if not _is_functional(model):
            raise PortError(
                f"the model '{model.name}' is a {type(model).__name__} with a `call` of its own, "
                f"which cannot be read layer by layer: write it as keras.Sequential, or as "
                f"keras.Model(inputs, outputs)"
            )
        return self._functional(model, node)

    def _functional(self, model: Any, node: str) -> str:
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            count = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
            reason = f"it has {count}"
            return self._graph.refuse(model.name, reason, "a spec has one of each", node)
        nodes = {id(model.inputs[0]): node}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for made in model._nodes_by_depth[depth]:
                if made.is_input:
                    continue
                given = [nodes[id(one)] for one in made.input_tensors]
                arguments = made.arguments
                found = self._operation(made.operation, given, arguments.args, arguments.kwargs)
                for one in made.output_tensors:
                    nodes[id(one)] = found
        return nodes[id(model.outputs[0])]

    def _operation(self, operation: Any, nodes: list[str], args: Any, named: Any) -> str:
        kind, name, graph = type(operation).__name__, operation.name, self._graph
        if kind == "InputLayer":
            return nodes[0]
        if id(operation) in self._called and getattr(operation, "weights", None):
            graph.note(
                name,
                "it is called twice: a spec has no layers that share their weights",
                "make a layer for each call",
            )
        self._called.add(id(operation))
        if isinstance(operation, keras.Model):
            return self.model(operation, nodes[0])
        own = not type(operation).__module__.startswith("keras.")
        table = LAYERS if isinstance(operation, keras.layers.Layer) else OPERATIONS
        read = None if own else table.get(kind)
        if read is None:
            what = f"a {kind} of your own" if own else kind
            return graph.refuse(name, f"no spec has a layer like {what}", _OWN, nodes[0])
        for reason, cure in common_troubles(operation):
            graph.note(name, reason, cure)
        return read(graph, operation, nodes, args, named)


def _is_functional(model: Any) -> bool:
    """Say whether a model is a graph of layers, without a `call` of its own."""
    own = type(model).call
    return hasattr(model, "_nodes_by_depth") and own.__module__.startswith("keras.")
