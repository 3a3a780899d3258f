"""One side of a comparison: its process, what it is, its blocks in the order of their calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from benchbench.plugins.ports import PortBlock, PortDescription
from benchbench.ports.messages import NamedArrays
from benchbench.ports.process import PortProcess

AnyArray: TypeAlias = npt.NDArray[Any]


@dataclass
class Network:
    """A network in its process. `uncalled` are blocks that its forward pass never calls."""

    label: str
    process: PortProcess
    description: PortDescription
    first: NamedArrays
    blocks: tuple[PortBlock, ...] = ()
    uncalled: tuple[str, ...] = ()
    flat: bool = False

    def sample(self, value: AnyArray) -> AnyArray:
        """Return a batch as this side takes it: flat, where its file flattens elsewhere."""
        return value.reshape(len(value), -1) if self.flat else value

    def block(self, name: str) -> PortBlock:
        return next(one for one in self.blocks if one.name == name)
