"""Faults of the architecture: the model that is built is not the spec's."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import numpy as np
from benchbench_numpy.layers import Convolution, Dense, MaxPool

import benchbench
from benchbench import ModelSpec
from faulty.fault import Fault, FaultyTrainer


class SameConv2D(benchbench.Conv2D, frozen=True):
    """A convolution whose output is as large as its input."""

    def output_shape(self, input_shape):
        return *input_shape[:2], self.filters


class RoundedUpMaxPool2D(benchbench.MaxPool2D, frozen=True):
    """A pool that gives a value for what is left over, too."""

    def output_shape(self, input_shape):
        sizes = (-(-size // pool) for size, pool in zip(input_shape, self.pool_size, strict=False))
        return *sizes, input_shape[2]


class UnbiasedDense(benchbench.Dense, frozen=True):
    """A Dense layer with a kernel and nothing else."""

    def variables(self, input_shape):
        return super().variables(input_shape)[:1]


class SameConvolution(Convolution):
    """Pads with zeros, as many on both sides, and one more behind where they are odd."""

    def __init__(self, weights, gradient, *, input_shape, windows, **options):
        height, width, channels = input_shape
        rows, columns = (size - 1 for size in windows.size)
        super().__init__(
            weights,
            gradient,
            input_shape=(height + rows, width + columns, channels),
            windows=dataclasses.replace(windows, output=(height, width)),
            **options,
        )
        self._inner = (
            slice(rows // 2, rows // 2 + height),
            slice(columns // 2, columns // 2 + width),
        )
        self._padding = [(size // 2, size - size // 2) for size in (rows, columns)]

    def forward(self, x):
        return super().forward(np.pad(x, [(0, 0), *self._padding, (0, 0)]))

    def backward_input(self, dy):
        return super().backward_input(dy)[:, *self._inner]


class RoundedUpMaxPool(MaxPool):
    """Fills the last windows up with what no maximum ever is."""

    def __init__(self, *, input_shape, windows, **options):
        height, width, channels = input_shape
        self._missing = [
            -size % pool for size, pool in zip((height, width), windows.size, strict=True)
        ]
        padded = (height + self._missing[0], width + self._missing[1], channels)
        super().__init__(input_shape=padded, windows=windows, **options)

    def forward(self, x):
        padding = [(0, 0), *((0, missing) for missing in self._missing), (0, 0)]
        return super().forward(np.pad(x, padding, constant_values=-np.inf))

    def backward_input(self, dy):
        dx = super().backward_input(dy)
        rows, columns = (dx.shape[axis + 1] - self._missing[axis] for axis in (0, 1))
        return dx[:, :rows, :columns]


class UnbiasedDenseLayer(Dense):
    def __init__(self, weights, gradient, *, use_bias, **options):
        super().__init__(weights, gradient, use_bias=False, **options)


def misread(model: ModelSpec, read: Mapping[type, type]) -> ModelSpec:
    """Return the model with layers of other types, whose shapes follow other rules."""
    other = copy.copy(model)
    layers = [
        read[type(layer)](*msgspec.structs.astuple(layer)) if type(layer) in read else layer
        for layer in model.layers
    ]
    # Past the checks of a spec, which would make plain layers of them again.
    msgspec.structs.force_setattr(other, "layers", tuple(layers))
    return other


class Misread(FaultyTrainer):
    """Builds another model than the spec's: layers of the types in `read` stand for the spec's."""

    read: Mapping[type, type]

    def __init__(self, model, protocol, **choices):
        super().__init__(misread(model, self.read), protocol, **choices)


class SamePadding(Misread):
    read = MappingProxyType({benchbench.Conv2D: SameConv2D})


class PoolRoundedUp(Misread):
    read = MappingProxyType({benchbench.MaxPool2D: RoundedUpMaxPool2D})


class NoBias(Misread):
    read = MappingProxyType({benchbench.Dense: UnbiasedDense})


def _rung_of_padding(model: ModelSpec) -> str:
    """Padding shows in the kernel behind Flatten, unless a pool drops what it added."""
    padded = misread(model, SamePadding.read)
    return "forward" if padded.variable_shapes == model.variable_shapes else "architecture"


def _is_padded(model: ModelSpec) -> bool:
    return _shapes(misread(model, SamePadding.read)) != _shapes(model)


def _has_left_over(model: ModelSpec) -> bool:
    return _shapes(misread(model, PoolRoundedUp.read)) != _shapes(model)


def _shapes(model: ModelSpec) -> list[tuple[int, ...]]:
    return [trace.output_shape for trace in model.trace()]


FAULTS = (
    Fault(
        "'same' padding",
        "convolutions are padded with zeros to the size of their input",
        _rung_of_padding,
        SamePadding,
        {"network.Convolution": SameConvolution},
        applies=_is_padded,
    ),
    Fault(
        "pool rounding up",
        "pools keep the rows and columns that fill no window",
        "architecture",
        PoolRoundedUp,
        {"network.MaxPool": RoundedUpMaxPool},
        applies=_has_left_over,
    ),
    Fault(
        "no bias",
        "Dense layers have no bias",
        "architecture",
        NoBias,
        {"network.Dense": UnbiasedDenseLayer},
    ),
)
