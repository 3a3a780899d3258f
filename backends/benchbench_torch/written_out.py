"""The network of the tuned division: forward and backward written out, without autograd.

Activations lie channels last, (n, height, width, channels), so that Flatten is a view in the
canonical order. All parameters lie in one vector, and all gradients in another: the optimiser is
one call on one tensor, whatever the model.

Two identities save work without changing the function:

- `max_pool(relu(z + b)) = relu(max_pool(z) + b)`, for ReLU and adding b never change an order: bias
  and ReLU after the pool touch a quarter of the elements.
- What pooling drops need not be computed. Convolutions and pools are anchored at the top left, so
  the whole network can be fed the part of the image that its output depends on (`needed_size`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import torch

from benchbench import (
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    ModelSpec,
    Unsupported,
    Variable,
)
from benchbench_torch.layout import FloatArray

_aten = torch.ops.aten

# The variables of a layer, by role, as views into one vector.
_Views: TypeAlias = dict[str, torch.Tensor]


class _Step(ABC):
    """One layer at work. `forward` keeps what `backward` needs."""

    @abstractmethod
    def forward(self, x: torch.Tensor) -> torch.Tensor: ...

    @abstractmethod
    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """Store the gradients of the parameters, return that of the input."""


class _Learnt(_Step):
    """A layer with a kernel and a bias, views into the network's vectors.

    `first`: no layer before it learns, so nobody asks for the gradient of its input.
    """

    def __init__(self, *, relu: bool, first: bool) -> None:
        self._relu = relu
        self._first = first

    def bind(self, views: _Views, gradients: _Views) -> None:
        """Take the views of the layer's variables, by role."""
        self._kernel, self._bias = views["kernel"], views["bias"]
        self._kernel_gradient, self._bias_gradient = gradients["kernel"], gradients["bias"]


class _DenseStep(_Learnt):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._input = x
        self._output = torch.addmm(self._bias, x, self._kernel)
        return self._output.relu_() if self._relu else self._output

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        if self._relu:
            gradient = _aten.threshold_backward(gradient, self._output, 0)
        torch.mm(self._input.t(), gradient, out=self._kernel_gradient)
        torch.sum(gradient, 0, out=self._bias_gradient)
        return gradient if self._first else gradient @ self._kernel.t()


class _ConvStep(_Learnt):
    """A convolution and, if `pool` is given, the pool that follows it, before bias and ReLU.

    The kernel's view is (out, in, height, width) over memory (out, height, width, in), which is
    what oneDNN and cuDNN call channels last.
    """

    def __init__(self, *, relu: bool, first: bool, pool: tuple[int, int] | None) -> None:
        super().__init__(relu=relu, first=first)
        self._pool = _PoolStep(pool) if pool else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._input = x.permute(0, 3, 1, 2)
        y = torch.conv2d(self._input, self._kernel).permute(0, 2, 3, 1)
        if self._pool:
            y = self._pool.forward(y)
        y += self._bias
        self._output = y.relu_() if self._relu else y
        return self._output

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        if self._relu:
            gradient = _aten.threshold_backward(gradient, self._output, 0)
        torch.sum(gradient, (0, 1, 2), out=self._bias_gradient)
        if self._pool:
            gradient = self._pool.backward(gradient)
        below, kernel_gradient, _ = _aten.convolution_backward(
            gradient.permute(0, 3, 1, 2),
            self._input,
            self._kernel,
            None,
            [1, 1],
            [0, 0],
            [1, 1],
            False,
            [0, 0],
            1,
            [not self._first, True, False],
        )
        self._kernel_gradient.copy_(kernel_gradient)
        return gradient if self._first else below.permute(0, 2, 3, 1)


class _PoolStep(_Step):
    def __init__(self, size: tuple[int, int]) -> None:
        self._size = list(size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._input = x.permute(0, 3, 1, 2)
        y, self._largest = _aten.max_pool2d_with_indices(self._input, self._size, self._size)
        return y.permute(0, 2, 3, 1)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        return _aten.max_pool2d_with_indices_backward(
            gradient.permute(0, 3, 1, 2),
            self._input,
            self._size,
            self._size,
            [0, 0],
            [1, 1],
            False,
            self._largest,
        ).permute(0, 2, 3, 1)


class _FlattenStep(_Step):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.view(self._shape)


class WrittenOut:
    """A model whose parameters and gradients are two vectors, in order kernel, bias, kernel, ...

    `parameters` and `gradients`: float32 (parameter_count,). `needed_size`: the height and width of
    the part of an image, from the top left, that `logits` is to be given; empty of other inputs.
    """

    def __init__(self, model: ModelSpec, device: torch.device) -> None:
        self._spec = model
        self.needed_size = _needed_size(model)
        self.parameters = torch.zeros(model.parameter_count, device=device)
        self.gradients = torch.zeros_like(self.parameters)
        self._steps = list(_steps(model))
        self._backward_steps = self._steps[::-1]
        while not isinstance(self._backward_steps[-1], _Learnt):
            self._backward_steps.pop()
        views, gradients = _views(model, self.parameters), _views(model, self.gradients)
        learnt = (step for step in self._steps if isinstance(step, _Learnt))
        for step, own, gradient in zip(learnt, views, gradients, strict=True):
            step.bind(own, gradient)
        self._views = [view for own in views for view in own.values()]
        self._orders = [_order(trace.layer, v) for trace in model.trace() for v in trace.variables]

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of images (n, *needed_size, channels), or rows."""
        for step in self._steps:
            images = step.forward(images)
        return images

    def backward(self, gradient: torch.Tensor) -> None:
        """Fill `gradients` from that of the last logits (n, classes)."""
        for step in self._backward_steps:
            gradient = step.backward(gradient)

    def load(self, arrays: Sequence[FloatArray]) -> None:
        """Take canonical arrays as the parameters."""
        for view, order, array in zip(self._views, self._orders, arrays, strict=True):
            view.copy_(torch.tensor(array).permute(order))

    def canonical(self) -> list[FloatArray]:
        """Return copies of the parameters as canonical arrays."""
        return [
            view.permute(_inverse(order)).contiguous().cpu().numpy().copy()
            for view, order in zip(self._views, self._orders, strict=True)
        ]


def _order(layer: Layer, variable: Variable) -> tuple[int, ...]:
    """Return the order of a variable's canonical axes in its view: Conv2D's as torch has them."""
    if isinstance(layer, Conv2D) and variable.role == "kernel":
        return 3, 2, 0, 1
    return tuple(range(len(variable.shape)))


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(axis) for axis in range(len(order)))


def _views(model: ModelSpec, vector: torch.Tensor) -> list[_Views]:
    """Return each layer's variables within the vector, each over the memory order that is fastest.

    Dense: (in, out) over memory (out, in); with 10 units the products take half to a quarter of the
    time. Conv2D: (out, in, height, width) over (out, height, width, in).
    """
    views: list[_Views] = []
    start = 0
    for trace in model.trace():
        own: _Views = {}
        for variable in trace.variables:
            part = vector[start : start + variable.count]
            start += variable.count
            match trace.layer, variable.role:
                case Conv2D(), "kernel":
                    height, width, channels, filters = variable.shape
                    part = part.view(filters, height, width, channels).permute(0, 3, 1, 2)
                case Dense(), "kernel":
                    part = part.view(variable.shape[1], variable.shape[0]).t()
                case _, "bias":
                    pass
                case _:
                    raise Unsupported(f"torch tuned has no place for {variable.name}")
            own[variable.role] = part
        if own:
            views.append(own)
    return views


def _steps(model: ModelSpec) -> Iterator[_Step]:
    """Yield the steps of the model; a pool right after a convolution becomes part of it."""
    first = True
    pooled = False
    traces = model.trace()
    for trace, following in zip(traces, (*model.layers[1:], None), strict=True):
        layer = trace.layer
        if isinstance(layer, Flatten):
            yield _FlattenStep()
        elif isinstance(layer, MaxPool2D):
            if not pooled:
                yield _PoolStep(layer.pool_size)
            pooled = False
        elif isinstance(layer, Dense):
            if len(trace.input_shape) != 1:
                raise Unsupported("torch tuned has no Dense over (steps, features), only over rows")
            yield _DenseStep(relu=layer.activation == "relu", first=first)
            first = False
        elif isinstance(layer, Conv2D):
            pool = following.pool_size if isinstance(following, MaxPool2D) else None
            yield _ConvStep(relu=layer.activation == "relu", first=first, pool=pool)
            first, pooled = False, pool is not None
        else:
            raise Unsupported(f"torch tuned has no layer {type(layer).__name__}")


def _needed_size(model: ModelSpec) -> tuple[int, ...]:
    """Return the height and width of the image that the first row of features depends on.

    Of inputs that are no images all is needed: an empty tuple.
    """
    if len(model.input_shape) != 3:
        return ()
    images = [trace for trace in model.trace() if len(trace.output_shape) == 3]
    height, width = images[-1].output_shape[:2] if images else model.input_shape[:2]
    for trace in reversed(images):
        if isinstance(trace.layer, MaxPool2D):
            height, width = height * trace.layer.pool_size[0], width * trace.layer.pool_size[1]
        elif isinstance(trace.layer, Conv2D):
            height += trace.layer.kernel_size[0] - 1
            width += trace.layer.kernel_size[1] - 1
    return height, width
