"""From nodes that feed each other to chains of layers, by Residual and Concat.

A join is one of these where all its paths come from one node, and nothing on them is used from
outside: the graph is series-parallel. Else the same weights would stand in two places.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbench.errors import BenchbenchError, SpecError
from benchbench.plugins.port_graph import INPUT
from benchbench.plugins.ports import PortNetwork, PortNode
from benchbench.spec.layers import (
    Activation,
    AvgPool2D,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    Residual,
)
from benchbench.spec.variables import Shape


class NoChain(BenchbenchError):  # noqa: N818 - an answer: the network is no chain of layers
    """The network cannot be written as chains: the name of the node, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason


def chain_of(network: PortNetwork) -> tuple[Layer, ...]:
    """Return the network as a chain of layers. Raises NoChain."""
    return tuple(_Walk(network.nodes).between(INPUT, network.output))


def simplified(layers: Sequence[Layer], shape: Shape) -> tuple[Layer, ...]:
    """Return the same function in fewer layers; `shape` is that of an input.

    An activation belongs to the layer before it, a flat value needs no Flatten, and a mean over the
    whole image is a GlobalAvgPool2D.
    """
    found: list[Layer] = []
    went_in: list[Shape] = []
    for given in layers:
        layer, before = given, shape
        shape = layer.output_shape(before)
        last = found[-1] if found else None
        match layer:
            case Flatten() if len(before) == 1:
                continue
            case Dropout(rate=0.0) | Activation(function="linear"):
                continue
            case Flatten() if isinstance(last, AvgPool2D) and last.pool_size == went_in[-1][:2]:
                found[-1] = GlobalAvgPool2D()
                continue
            case Activation() if isinstance(last, Dense | Conv2D) and last.activation == "linear":
                found[-1] = msgspec.structs.replace(last, activation=layer.function)
                continue
            case Residual():
                parts = (simplified(chain, before) for chain in (layer.layers, layer.shortcut))
                layer = Residual(*parts)
            case Concat():
                layer = Concat(tuple(simplified(chain, before) for chain in layer.branches))
        found.append(layer)
        went_in.append(before)
    return tuple(found)


class _Walk:
    """One walk over the nodes, from the output back; a node that is met twice is shared."""

    def __init__(self, nodes: Sequence[PortNode]) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._forks = _forks(nodes)
        self._seen: set[str] = set()

    def between(self, start: str, end: str) -> list[Layer]:
        """Return the layers from behind `start` up to `end`."""
        layers: list[Layer] = []
        at = end
        while at != start:
            node = self._nodes.get(at)
            if node is None or at in self._seen:
                raise NoChain(
                    at or "the input",
                    "its value is used by layers that do not meet again in one sum or one "
                    "concatenation",
                )
            self._seen.add(at)
            if node.joins:
                fork = self._forks[at]
                layers.append(self._joined(node, fork))
                at = fork
            else:
                if node.layer is not None:
                    layers.append(node.layer)
                (at,) = node.inputs
        return layers[::-1]

    def _joined(self, node: PortNode, fork: str) -> Layer:
        branches = [tuple(self.between(fork, one)) for one in node.inputs]
        try:
            return Concat(tuple(branches)) if node.joins == "concat" else _sum(branches)
        except (SpecError, ValueError) as error:
            raise NoChain(node.name, str(error)) from None


def _sum(branches: Sequence[tuple[Layer, ...]]) -> Layer:
    """Return the sum of branches, two at a time. Raises ValueError for a value added to itself."""
    first, *others = branches
    for other in others:
        longer, shorter = (first, other) if len(first) >= len(other) else (other, first)
        if not longer:
            raise ValueError("it adds a value to itself, which no layer of a spec does")
        first = (Residual(longer, shorter),)
    return first[0]


def _forks(nodes: Sequence[PortNode]) -> dict[str, str]:
    """Return for each join the last node that all ways to it go through (its dominator)."""
    place = {INPUT: 0} | {node.name: number for number, node in enumerate(nodes, 1)}
    dominators: dict[str, frozenset[str]] = {INPUT: frozenset({INPUT})}
    forks = {}
    for node in nodes:
        common = frozenset.intersection(*(dominators[one] for one in node.inputs))
        forks[node.name] = max(common, key=place.__getitem__)
        dominators[node.name] = common | {node.name}
    return forks
