"""The contract of a port: a network as a user's own file makes it, taken up as it is.

A plugin's port finds the blocks of the network (layers that hold variables), reads and writes their
variables in one layout for all frameworks, and trains with the file's own loss and optimizer. It
works in a process of its own, which the core asks one question after another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from benchbench.spec.layers import Layer

if TYPE_CHECKING:
    import numpy.typing as npt

PortSetting: TypeAlias = str | int | float | bool
PortTargets: TypeAlias = Literal["classes", "one_hot", "binary", "values", "unknown"]
PortOutputs: TypeAlias = Literal[
    "logits", "log-probabilities", "probabilities", "values", "unknown"
]


class PortBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A layer that holds variables: its name in the file, its kind, its variables' shapes by role.

    `kind` is Keras's name of such a layer where there is one ("Dense", "BatchNormalization"), else
    that of its class. `fixed` are the roles that no optimizer moves; `constants` are those of them
    that the file sets, no statistics: each network keeps its own. `settings` are what changes the
    function, by Keras's names ("epsilon", "strides").
    """

    name: str
    kind: str
    variables: dict[str, tuple[int, ...]]
    fixed: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    settings: dict[str, PortSetting] = {}


class PortLoss(msgspec.Struct, frozen=True, kw_only=True):
    """A loss as the file gives it: what it takes as targets, and what it takes the outputs for."""

    name: str
    targets: PortTargets = "unknown"
    outputs: PortOutputs = "unknown"
    settings: dict[str, PortSetting] = {}


class PortOptimizer(msgspec.Struct, frozen=True, kw_only=True):
    """An optimizer as the file gives it. `steps_done` is above 0 if it has trained already."""

    name: str
    settings: dict[str, PortSetting] = {}
    steps_done: int = 0


class PortDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a network before it has been called.

    `trained`: the factory left signs of training, gradients or a history. `input_shape` is
    (height, width, channels) for images, without the batch; None where the network does not say.
    """

    framework: str
    blocks: tuple[PortBlock, ...]
    input_shape: tuple[int, ...] | None = None
    loss: PortLoss | None = None
    optimizer: PortOptimizer | None = None
    outputs: PortOutputs = "unknown"
    trained: bool = False
    notes: tuple[str, ...] = ()


class PortNode(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a network: a layer of the spec, or what joins several inputs; neither is a copy.

    `inputs` are names of nodes before it, "" that of the network's own input.
    """

    name: str
    inputs: tuple[str, ...]
    layer: Layer | None = None
    joins: Literal["", "add", "concat"] = ""


class Inexpressible(msgspec.Struct, frozen=True):
    """What no spec can hold: the layer's name in the file, why, and what to do."""

    name: str
    reason: str
    cure: str


class PortNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network as layers of the spec, in an order in which they can be computed.

    `output` is the name of the last node. Where there is anything `inexpressible`, nodes may be
    missing. `log_softmax`: the network ends in the logarithms of a softmax.
    """

    nodes: tuple[PortNode, ...]
    output: str
    inexpressible: tuple[Inexpressible, ...] = ()
    log_softmax: bool = False


class PortError(Exception):
    """What the file gives cannot be taken up: say what was expected and what came."""


@dataclass(frozen=True)
class VariablePart:
    """A variable in canonical layout, made of arrays of the framework's (often one).

    `join` and `split` are linear: what holds for values holds for gradients.
    """

    role: str
    sources: tuple[str, ...]
    join: Callable[[list[npt.NDArray[Any]]], npt.NDArray[Any]]
    split: Callable[[npt.NDArray[Any]], list[npt.NDArray[Any]]]
    fixed: bool = False
    constant: bool = False


@dataclass(frozen=True)
class Piece:
    """A block with the object that computes it and the parts it consists of."""

    name: str
    kind: str
    owner: Any
    parts: tuple[VariablePart, ...]
    settings: dict[str, PortSetting] = field(default_factory=dict)


@dataclass
class ForwardTrace:
    """One forward pass: the output, and of each block, in the order of the calls, its ends.

    Images are (batch, height, width, channels). A block's output is that before its activation.
    `called` are all blocks called, where the ends of some are not seen.
    """

    output: npt.NDArray[Any]
    inputs: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    outputs: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)


PortBatch: TypeAlias = "tuple[npt.NDArray[Any], npt.NDArray[Any]]"


class Port(ABC):
    """One network of a user's file. Made anew for each question; nothing of it is timed."""

    pieces: Sequence[Piece]

    @staticmethod
    @abstractmethod
    def working_in(precision: str) -> AbstractContextManager[None]:
        """Have what is made and computed meanwhile in "float32" or "float64", from a fixed seed."""

    @abstractmethod
    def __init__(self, made: Any, precision: str) -> None:
        """Take up what the factory returned: a network, or (network, optimizer, loss).

        Raises PortError for what is none.
        """

    def build(self, inputs: npt.NDArray[Any]) -> None:  # noqa: B027 - most have nothing to do
        """Make the variables of a network that makes them when it is first called."""

    @abstractmethod
    def describe(self) -> PortDescription:
        """Return blocks, loss and optimizer. Called once, first."""

    @abstractmethod
    def read(self, source: str) -> npt.NDArray[Any]:
        """Return an array of the framework's by the name that a `VariablePart` gives it."""

    @abstractmethod
    def write(self, source: str, value: npt.NDArray[Any]) -> None:
        """Set an array of the framework's."""

    @abstractmethod
    def trace(self, inputs: npt.NDArray[Any]) -> ForwardTrace:
        """Evaluate: dropout off, statistics fixed, as far as the network obeys."""

    @abstractmethod
    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """Return the file's own loss of a batch, evaluated as in `trace`."""

    @abstractmethod
    def still(self) -> None:
        """Leave dropout out of training from now on: each framework draws otherwise."""

    @abstractmethod
    def dropout_rates(self) -> tuple[float, ...]:
        """Return the rate of each dropout, those above 0. Called after `still` and `gradients`."""

    def dropout_kinds(self) -> tuple[str, ...]:
        """Return what each of them drops beside single values: "channels", "alpha", else ""."""
        return ("",) * len(self.dropout_rates())

    @abstractmethod
    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        """Return the canonical gradients of one training pass, zeros for what is not trained.

        What training passes change besides, running statistics, changes.
        """

    @abstractmethod
    def step(self, batches: Sequence[PortBatch]) -> Iterator[None]:
        """Train with the file's own optimizer, a step a batch; yield after each."""

    def snapshots(self, batches: Sequence[PortBatch], numbers: Collection[int]) -> Iterator[int]:
        """Train by the file's own optimizer; yield the number of each of these steps, once done."""
        for number, _ in enumerate(self.step(batches), 1):
            if number in numbers:
                yield number

    def network(self, shape: tuple[int, ...]) -> PortNetwork:
        """Return the network layer by layer, for samples of this shape, channels last.

        Raises PortError for one that cannot be read so.
        """
        raise PortError(f"no network of {type(self).__name__} can be read layer by layer")

    def variables(self) -> dict[str, npt.NDArray[Any]]:
        """Return all variables, canonical, by "block.role"."""
        return self.joined(self.read)

    def joined(self, source: Callable[[str], npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Return canonical arrays, made of what `source` gives for the framework's."""
        return {
            f"{piece.name}.{part.role}": part.join([source(name) for name in part.sources])
            for piece in self.pieces
            for part in piece.parts
        }

    def set_variables(self, values: dict[str, npt.NDArray[Any]]) -> None:
        """Set the variables that are given."""
        for piece in self.pieces:
            for part in piece.parts:
                value = values.get(f"{piece.name}.{part.role}")
                if value is not None:
                    for name, array in zip(part.sources, part.split(value), strict=True):
                        self.write(name, array)

    def blocks(self) -> tuple[PortBlock, ...]:
        """Return the pieces as data."""
        shapes = {name: value.shape for name, value in self.variables().items()}
        return tuple(
            PortBlock(
                name=piece.name,
                kind=piece.kind,
                variables={part.role: shapes[f"{piece.name}.{part.role}"] for part in piece.parts},
                fixed=tuple(part.role for part in piece.parts if part.fixed),
                constants=tuple(part.role for part in piece.parts if part.constant),
                settings=piece.settings,
            )
            for piece in self.pieces
        )
