"""A model of the spec as `nn.Sequential`, and where each of its variables lies in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

import benchbench
from benchbench_torch import modules, sequences
from benchbench_torch.layout import Axes, FloatArray, Place

_ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": lambda: nn.LeakyReLU(benchbench.LEAKY_SLOPE),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
# torch's name of each variable, by its role in the spec.
_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


class Network:
    """The model: `module` gives logits; `load` and `canonical` are its variables.

    In go (n, channels, height, width) for images, else what the spec says; out come the values of
    the output layer before its activation, which belongs to the loss.
    """

    def __init__(self, model: benchbench.ModelSpec, device: torch.device) -> None:
        builder = _Builder(model)
        self.module = builder.sequence(model.trace()).to(device)
        self._places = builder.places
        self._variables = model.variables

    def parameters(self) -> list[nn.Parameter]:
        """Return the trainable tensors; a second bias of an LSTM is none."""
        return [one for one in self.module.parameters() if one.requires_grad]

    def decayed(self) -> list[nn.Parameter]:
        """Return those on which weight decay acts. What torch packs into one is of one kind."""
        found: dict[int, nn.Parameter] = {}
        for variable, places in zip(self._variables, self._places, strict=True):
            for place in places if variable.decayed else ():
                parameter = place.module.get_parameter(place.name)
                found[id(parameter)] = parameter
        return list(found.values())

    @torch.no_grad()
    def load(self, arrays: Sequence[FloatArray]) -> None:
        """Take canonical arrays as the variables."""
        for places, array in zip(self._places, arrays, strict=True):
            for place in places:
                place.load(array)

    def canonical(self) -> list[FloatArray]:
        """Return copies of the variables as canonical arrays."""
        arrays = [np.empty(variable.shape, np.float32) for variable in self._variables]
        for places, array in zip(self._places, arrays, strict=True):
            for place in places:
                place.store(array)
        return arrays


class _Builder:
    def __init__(self, model: benchbench.ModelSpec) -> None:
        self._output_name = model.trace()[-1].name
        # The places of each variable, in canonical order.
        self.places: list[list[Place]] = []
        # The image that `nn.Flatten` has laid out channels first, until a Dense layer weighs it.
        self._image: tuple[int, ...] = ()

    def sequence(self, traces: Sequence[benchbench.LayerTrace]) -> nn.Sequential:
        """Return a chain of layers."""
        built: list[nn.Module] = []
        for index, trace in enumerate(traces):
            layer = trace.layer
            if isinstance(layer, benchbench.Flatten) and len(trace.input_shape) == 3:
                if _reaches_dense(traces[index + 1 :]):
                    self._image = trace.input_shape
                    built.append(nn.Flatten())
                else:
                    built.append(modules.Reshape(trace.output_shape, from_image=True))
                continue
            built += self._layer(trace)
            activation = getattr(layer, "activation", getattr(layer, "function", "linear"))
            if activation != "linear" and trace.name != self._output_name:
                built.append(_activation(activation))
        return nn.Sequential(*built)

    def _layer(  # noqa: PLR0912 - one a kind of layer
        self, trace: benchbench.LayerTrace
    ) -> Iterator[nn.Module]:
        layer, shape = trace.layer, trace.input_shape
        match layer:
            case benchbench.Dense():
                dense = nn.Linear(shape[-1], layer.units, bias=layer.use_bias)
                self._note(trace, dense)
                self._image = ()
                yield dense
            case benchbench.Conv2D():
                yield from self._convolution(trace, layer)
            case benchbench.MaxPool2D() | benchbench.AvgPool2D():
                yield from _pool(trace, layer)
            case benchbench.GlobalAvgPool2D():
                yield modules.GlobalMean(2, 3)
            case benchbench.GlobalAvgPool1D():
                yield modules.GlobalMean(1)
            case benchbench.BatchNorm():
                yield self._batch_norm(trace, layer)
            case benchbench.LayerNorm():
                norm = nn.LayerNorm(shape[-1], layer.epsilon)
                self._note(trace, norm)
                yield modules.LastAxis(norm, to_last=True) if len(shape) == 3 else norm
            case benchbench.Flatten() | benchbench.Reshape():
                yield modules.Reshape(trace.output_shape, from_image=len(shape) == 3)
            case benchbench.Dropout():
                yield nn.Dropout(layer.rate)
            case benchbench.Activation():
                pass
            case benchbench.Residual():
                yield modules.Residual(*(self.sequence(chain) for chain in trace.chains))
            case benchbench.Concat():
                axis = 1 if len(trace.output_shape) == 3 else -1
                branches = [self.sequence(chain) for chain in trace.chains]
                yield modules.Concat(branches, axis=axis)
            case _:
                module, places = sequences.build(trace)
                self.places += places
                yield module

    def _convolution(
        self, trace: benchbench.LayerTrace, layer: benchbench.Conv2D
    ) -> Iterator[nn.Module]:
        padding: str | int = 0
        if layer.padding == "same":
            left, right, top, bottom = amounts = _padding(trace, layer.window, layer.strides)
            if layer.strides == (1, 1) and left == right and top == bottom:
                padding = "same"
            elif any(amounts):
                # torch takes no strides with "same", and copies the image where the sides differ.
                yield nn.ZeroPad2d(amounts)
        convolution = nn.Conv2d(
            trace.input_shape[2],
            layer.filters,
            layer.kernel_size,
            stride=layer.strides,
            padding=padding,
            dilation=layer.dilation,
            groups=layer.groups,
            bias=layer.use_bias,
        )
        self._note(trace, convolution)
        yield convolution

    def _batch_norm(self, trace: benchbench.LayerTrace, layer: benchbench.BatchNorm) -> nn.Module:
        shape = trace.input_shape
        kind = modules.BatchNorm2d if len(shape) == 3 else modules.BatchNorm1d
        norm = kind(shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)
        self._note(trace, norm)
        return modules.LastAxis(norm, to_last=False) if len(shape) == 2 else norm

    def _note(self, trace: benchbench.LayerTrace, module: nn.Module) -> None:
        for variable in trace.variables:
            name = _NAMES.get(variable.role, variable.role)
            axes = _axes(trace.layer, variable, self._image)
            self.places.append([Place(module, name, axes)])


def _reaches_dense(following: Sequence[benchbench.LayerTrace]) -> bool:
    """Say whether the first layer that cares for the order of features is a Dense layer."""
    for trace in following:
        match trace.layer:
            case benchbench.Dropout() | benchbench.Activation() | benchbench.Flatten():
                continue
            case _:
                return isinstance(trace.layer, benchbench.Dense)
    return False


def _axes(layer: benchbench.Layer, variable: benchbench.Variable, image: tuple[int, ...]) -> Axes:
    """Return the axes of a variable; `image` is what `nn.Flatten` laid out before a Dense layer."""
    shape = variable.shape
    match layer, variable.role:
        case benchbench.Conv2D(), "kernel":
            return shape, (3, 2, 0, 1), (shape[3], shape[2], shape[0], shape[1])
        case benchbench.Dense(), "kernel" if image:
            return (*image, shape[1]), (3, 2, 0, 1), (shape[1], shape[0])
        case benchbench.Dense(), "kernel":
            return shape, (1, 0), (shape[1], shape[0])
    if len(shape) != 1:
        raise benchbench.Unsupported(
            f"torch: the layout of {variable.name} ({type(layer).__name__}) is not known"
        )
    return shape, (0,), shape


def _pool(
    trace: benchbench.LayerTrace, layer: benchbench.MaxPool2D | benchbench.AvgPool2D
) -> Iterator[nn.Module]:
    padding = (0, 0, 0, 0)
    if layer.padding == "same":
        padding = _padding(trace, layer.pool_size, layer.steps)
    if isinstance(layer, benchbench.MaxPool2D):
        if any(padding):
            yield nn.ConstantPad2d(padding, float("-inf"))
        yield nn.MaxPool2d(layer.pool_size, layer.steps)
    elif any(padding):
        yield modules.SameAvgPool2d(layer.pool_size, layer.steps, padding)
    else:
        yield nn.AvgPool2d(layer.pool_size, layer.steps)


def _padding(
    trace: benchbench.LayerTrace, window: tuple[int, int], strides: tuple[int, int]
) -> modules.Padding:
    """Return (left, right, top, bottom), the width first, as torch wants it."""
    (top, bottom), (left, right) = (
        benchbench.padding_amounts(trace.input_shape[axis], window[axis], strides[axis], "same")
        for axis in (0, 1)
    )
    return left, right, top, bottom


def _activation(name: str) -> nn.Module:
    if name not in _ACTIVATIONS:
        raise benchbench.Unsupported(f"torch has no activation '{name}'")
    return _ACTIVATIONS[name]()
