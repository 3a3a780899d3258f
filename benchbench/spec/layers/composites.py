"""Layers that hold chains of layers: a sum of two branches, and branches side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, TypeAlias

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.layers.activations import Activation
from benchbench.spec.layers.convolution import Conv2D
from benchbench.spec.layers.dense import Dense
from benchbench.spec.layers.layer import BaseLayer
from benchbench.spec.layers.normalization import BatchNorm, Dropout, LayerNorm
from benchbench.spec.layers.pooling import AvgPool2D, GlobalAvgPool1D, GlobalAvgPool2D, MaxPool2D
from benchbench.spec.layers.recurrent import GRU, LSTM
from benchbench.spec.layers.sequences import Embedding, MultiHeadAttention, PositionEmbedding
from benchbench.spec.layers.shaping import Flatten, Reshape
from benchbench.spec.variables import Shape, Variable


class _Composite(BaseLayer, frozen=True):
    def chains(self) -> Chains:
        """Return the chains of layers that this one holds, by name, in the order of variables."""
        raise NotImplementedError

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        return tuple(
            msgspec.structs.replace(variable, name=f"{name}.{place}.{variable.name}")
            for name, layers in self.chains()
            for place, layer, shape in _walk(layers, input_shape, name)
            for variable in layer.variables(shape)
        )

    def count_formula(self, input_shape: Shape) -> str:
        formulas = (
            layer.count_formula(shape)
            for name, layers in self.chains()
            for _, layer, shape in _walk(layers, input_shape, name)
        )
        return " + ".join(formula for formula in formulas if formula)

    def forward_flops(self, input_shape: Shape) -> int:
        return sum(
            layer.forward_flops(shape)
            for name, layers in self.chains()
            for _, layer, shape in _walk(layers, input_shape, name)
        )


class Residual(_Composite, frozen=True, tag="Residual"):
    """`layers(x) + shortcut(x)`; an empty shortcut is x itself.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
    """

    original_fields: ClassVar = ("layers", "shortcut")

    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1)]
    shortcut: tuple[Layer, ...] = ()

    def chains(self) -> Chains:
        return ("layers", self.layers), ("shortcut", self.shortcut)

    def output_shape(self, input_shape: Shape) -> Shape:
        main = chain_shape(self.layers, input_shape, "layers")
        shortcut = chain_shape(self.shortcut, input_shape, "shortcut")
        if main != shortcut:
            raise SpecError(
                f"Residual adds what its layers and its shortcut give, but their shapes are {main} "
                f"and {shortcut}: change the layers, or the shortcut (a Conv2D of 1x1 changes "
                f"channels and strides)",
                ("shortcut",) if self.shortcut else ("layers",),
            )
        return main

    def describe(self) -> str:
        return f"Residual({_chain_text(self.layers)} + {_chain_text(self.shortcut)})"


class Concat(_Composite, frozen=True, tag="Concat"):
    """The outputs of all branches side by side along the last axis; an empty branch is x itself."""

    original_fields: ClassVar = ("branches",)

    branches: Annotated[tuple[tuple[Layer, ...], ...], msgspec.Meta(min_length=2)]

    def chains(self) -> Chains:
        return tuple((f"branches.{index}", part) for index, part in enumerate(self.branches))

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = [chain_shape(part, input_shape, name) for name, part in self.chains()]
        if any(shape[:-1] != shapes[0][:-1] for shape in shapes):
            raise SpecError(
                f"Concat lays its branches side by side along the last axis, but their shapes are "
                f"{', '.join(map(str, shapes))}: all other axes must agree",
                ("branches",),
            )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def describe(self) -> str:
        return f"Concat({', '.join(_chain_text(part) for part in self.branches)})"


Layer: TypeAlias = (
    Flatten
    | Dense
    | Conv2D
    | MaxPool2D
    | AvgPool2D
    | GlobalAvgPool2D
    | GlobalAvgPool1D
    | Reshape
    | Activation
    | BatchNorm
    | LayerNorm
    | Dropout
    | Embedding
    | PositionEmbedding
    | MultiHeadAttention
    | LSTM
    | GRU
    | Residual
    | Concat
)

Chains: TypeAlias = tuple[tuple[str, tuple[Layer, ...]], ...]


def chains_of(layer: Layer) -> Chains:
    """Return the chains of layers that a layer holds, by name; a plain layer holds none."""
    return layer.chains() if isinstance(layer, _Composite) else ()


def map_layers(layers: tuple[Layer, ...], change: Callable[[Layer], Layer]) -> tuple[Layer, ...]:
    """Return the layers with `change` made of each that holds no others, however deep."""
    changed: list[Layer] = []
    for layer in layers:
        match layer:
            case Residual():
                parts = (map_layers(chain, change) for _, chain in layer.chains())
                changed.append(Residual(*parts))
            case Concat():
                changed.append(Concat(tuple(map_layers(part, change) for part in layer.branches)))
            case _:
                changed.append(change(layer))
    return tuple(changed)


def chain_shape(layers: tuple[Layer, ...], input_shape: Shape, name: str) -> Shape:
    """Return the output shape of layers one after another.

    Raises SpecError with the place of the layer at fault within the chain `name`.
    """
    shape = input_shape
    for place, layer in enumerate(layers):
        shape = _output_shape(layer, shape, place, name)
    return shape


def _walk(
    layers: tuple[Layer, ...], input_shape: Shape, name: str
) -> list[tuple[int, Layer, Shape]]:
    """Return each layer with its place and its input's shape. Raises SpecError."""
    found: list[tuple[int, Layer, Shape]] = []
    shape = input_shape
    for place, layer in enumerate(layers):
        found.append((place, layer, shape))
        shape = _output_shape(layer, shape, place, name)
    return found


def _output_shape(layer: Layer, shape: Shape, place: int, name: str) -> Shape:
    try:
        return layer.output_shape(shape)
    except SpecError as error:
        keys = [int(key) if key.isdigit() else key for key in name.split(".")]
        path = (*keys, place, *error.path)
        raise SpecError(f"{name}, layer {place + 1}: {error.reason}", path) from None


def _chain_text(layers: tuple[Layer, ...]) -> str:
    if len(layers) <= 1:
        return layers[0].describe() if layers else "x"
    return f"{len(layers)} layers"
