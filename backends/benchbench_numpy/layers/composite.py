"""Layers made of chains of layers: one after another, a sum of two, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class Chain(Layer):
    """Layers one after another; an empty chain is x itself.

    Their way back is one: `backward_parameters` goes it whole and keeps dx.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self.learns = any(layer.learns for layer in layers)

    def inner(self) -> Sequence[Layer]:
        return self._layers

    def forward(self, x: Array) -> Array:
        for layer in self._layers:
            x = layer.forward(x)
        return x

    def backward_parameters(self, dy: Array) -> None:
        dy = dy.copy()
        for layer in reversed(self._layers):
            layer.backward_parameters(dy)
            dy = layer.backward_input(dy)
        self._dx = dy

    def backward_input(self, dy: Array) -> Array:
        return self._dx


class _Branches(Layer):
    def __init__(self, chains: Sequence[Chain]) -> None:
        self._chains = chains
        self.learns = any(chain.learns for chain in chains)

    def inner(self) -> Sequence[Layer]:
        return self._chains


class Residual(_Branches):
    """y = the sum of what both chains make of x; dx is the sum of theirs."""

    def forward(self, x: Array) -> Array:
        main, shortcut = self._chains
        return main.forward(x) + shortcut.forward(x)

    def backward_parameters(self, dy: Array) -> None:
        for chain in self._chains:
            chain.backward_parameters(dy)

    def backward_input(self, dy: Array) -> Array:
        main, shortcut = self._chains
        return main.backward_input(dy) + shortcut.backward_input(dy)


class Concat(_Branches):
    """y = what all chains make of x, side by side along the last axis."""

    def forward(self, x: Array) -> Array:
        parts = [chain.forward(x) for chain in self._chains]
        self._ends = np.cumsum([part.shape[-1] for part in parts])[:-1]
        return np.concatenate(parts, axis=-1)

    def backward_parameters(self, dy: Array) -> None:
        for chain, part in zip(self._chains, np.split(dy, self._ends, axis=-1), strict=True):
            chain.backward_parameters(np.ascontiguousarray(part))

    def backward_input(self, dy: Array) -> Array:
        first, *others = (chain.backward_input(dy) for chain in self._chains)
        dx = first.copy()
        for other in others:
            dx += other
        return dx
