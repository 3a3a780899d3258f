"""Builds the network of a port, node by node: shapes are followed, what cannot be said is noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from benchbench.errors import SpecError
from benchbench.plugins.ports import Inexpressible, PortNetwork, PortNode
from benchbench.spec.layers import Flatten, Layer, Padding, Size2D, padding_amounts
from benchbench.spec.variables import Shape

# What is added to an image: top, bottom, left, right.
Amounts: TypeAlias = tuple[int, int, int, int]

# The name of the network's own input.
INPUT = ""
_MANUAL = "docs/reference.md lists the layers that a spec has"


class PortGraph:
    """The nodes so far, and the shape of a sample behind each, None where it is not known any more.

    Shapes are the spec's: channels last, without the batch.
    """

    def __init__(self, shape: Shape) -> None:
        self._log_softmax: str | None = None
        # The node that was padded with zeros, and by how much, by the node behind that.
        self._padded: dict[str, tuple[str, Amounts]] = {}
        self._shapes: dict[str, Shape | None] = {INPUT: shape}
        self._nodes: list[PortNode] = []
        self._inexpressible: list[Inexpressible] = []

    def shape(self, node: str) -> Shape | None:
        """Return the shape behind a node."""
        return self._shapes[node]

    def layer(self, name: str, layer: Layer, node: str) -> str:
        """Add a layer behind a node; return the new node. A layer that does not fit is noted."""
        if node in self._padded:
            self.note(
                node,
                "it pads an image for what is no convolution",
                "a spec pads within Conv2D and the pools",
            )
        before, after = self._shapes[node], None
        if before is not None:
            try:
                after = layer.output_shape(before)
            except SpecError as error:
                return self.refuse(name, error.reason, _MANUAL, node)
        return self._add(PortNode(name=self._unique(name), inputs=(node,), layer=layer), after)

    def copy(self, name: str, node: str) -> str:
        """Add a node that computes nothing."""
        return self._add(PortNode(name=self._unique(name), inputs=(node,)), self._shapes[node])

    def pad(self, name: str, node: str, amounts: Amounts) -> str:
        """Add zeros around an image, for a convolution to take up."""
        before = self._shapes[node]
        made = self.copy(name, node)
        self._padded[made] = (node, amounts)
        if before is not None and len(before) == 3:
            top, bottom, left, right = amounts
            self._shapes[made] = (before[0] + top + bottom, before[1] + left + right, before[2])
        return made

    def unpadded(self, node: str) -> tuple[str, Amounts]:
        """Return the node before zeros were added, and how many (top, bottom, left, right)."""
        total = (0, 0, 0, 0)
        while node in self._padded:
            node, amounts = self._padded[node]
            total = _sum(total, amounts)
        return node, total

    def padding(
        self, node: str, window: Size2D, strides: Size2D, amounts: Amounts
    ) -> Padding | None:
        """Return the spec's word for so much padding of a window; None where there is none.

        Behind what is not known any more every padding is taken for one of the spec's.
        """
        shape = self._shapes[node]
        if not any(amounts):
            return "valid"
        if shape is None or len(shape) != 3:
            return "same"
        rows, columns = (
            padding_amounts(shape[axis], window[axis], strides[axis], "same") for axis in (0, 1)
        )
        return "same" if (*rows, *columns) == amounts else None

    def log_softmax(self, name: str, node: str) -> str:
        """Add the logarithms of a softmax, which may only be what the network ends in."""
        self._log_softmax = self.copy(name, node)
        return self._log_softmax

    def join(self, name: str, joins: Literal["add", "concat"], nodes: Sequence[str]) -> str:
        """Add the sum of several nodes, or all of them side by side along the last axis."""
        shapes = [self._shapes[one] for one in nodes]
        known = [one for one in shapes if one is not None]
        shape: Shape | None = None
        if len(known) == len(shapes):
            width = known[0][-1] if joins == "add" else sum(one[-1] for one in known)
            shape = (*known[0][:-1], width)
            if (joins == "add" and len(set(known)) > 1) or (
                joins == "concat" and len({one[:-1] for one in known}) > 1
            ):
                what = "adds" if joins == "add" else "lays side by side"
                shapes_told = " and ".join(map(str, known))
                return self.refuse(
                    name,
                    f"it {what} values of the shapes {shapes_told}",
                    "a spec adds what has one shape: a 1x1 Conv2D in a branch changes it",
                    nodes[0],
                )
        node = PortNode(name=self._unique(name), inputs=tuple(nodes), joins=joins)
        return self._add(node, shape)

    def refuse(self, name: str, reason: str, cure: str, node: str) -> str:
        """Note what no spec can hold, and go on behind it without a shape; return the new node."""
        self._inexpressible.append(Inexpressible(name, reason, cure or _MANUAL))
        return self._add(PortNode(name=self._unique(name), inputs=(node,)), None)

    def note(self, name: str, reason: str, cure: str) -> None:
        """Note what no spec can hold of a layer that is added all the same."""
        self._inexpressible.append(Inexpressible(name, reason, cure or _MANUAL))

    def expect(self, node: str, shape: Shape) -> None:
        """Note it where the network gives another shape than the spec."""
        known = self._shapes[node]
        if known is not None and known != shape:
            flat = Flatten().output_shape
            same = "in another layout" if flat(known) == flat(shape) else "of another size"
            self.note(
                node,
                f"it gives {shape} a sample, {same} than the spec's layer, which gives {known}",
                _MANUAL,
            )
            self._shapes[node] = None

    def network(self, output: str) -> PortNetwork:
        """Return what was built, up to this node."""
        if self._log_softmax not in {None, output}:
            self.note(
                str(self._log_softmax),
                "a log-softmax belongs to the output, but layers follow it",
                "end the network in it",
            )
        unique = tuple(dict.fromkeys(self._inexpressible))
        return PortNetwork(
            nodes=tuple(self._nodes),
            output=output,
            inexpressible=unique,
            log_softmax=self._log_softmax is not None,
        )

    def _add(self, node: PortNode, shape: Shape | None) -> str:
        self._nodes.append(node)
        self._shapes[node.name] = shape
        return node.name

    def _unique(self, name: str) -> str:
        number, found = 1, name or "layer"
        while found in self._shapes:
            number += 1
            found = f"{name}({number})"
        return found


def symmetric(amounts: Amounts) -> tuple[str, str]:
    """Return why no spec pads so, and what to do."""
    top, bottom, left, right = amounts
    return (
        f"it pads {top} and {bottom} rows, {left} and {right} columns; a spec pads nothing "
        f"(valid), or what makes the output ceil(size / stride), the larger half at the end (same)",
        "pad so before it: in torch nn.ZeroPad2d((0, 1, 0, 1)) before a 3x3 of stride 2, padding=0",
    )


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3])
