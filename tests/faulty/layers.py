"""Faults of the layers: the shapes are right, what is computed is not."""

from __future__ import annotations

import itertools

import numpy as np
from benchbench_numpy.layers import Convolution, Dense, Flatten, Layer, MaxPool, ReLU
from benchbench_numpy.network import Network
from numpy.lib.stride_tricks import sliding_window_view

import benchbench
from benchbench import ModelSpec
from benchbench.certify.exercise import FRESH, TRAINED
from benchbench.data.samples import make_split
from faulty.fault import (
    Fault,
    FaultyTrainer,
    has_hidden_relu,
    has_pool,
)


class AveragePool(MaxPool):
    def forward(self, x):
        y = self._y[: len(x)]
        y[...] = sum(self._windows.corners(x)) / np.prod(self._windows.size)
        return y

    def backward_input(self, dy):
        dx = self._dx[: len(dy)]
        for corner in self._windows.corners(dx):
            corner[...] = dy / np.prod(self._windows.size)
        return dx


class AveragingNetwork(Network):
    """A network whose pools average: ReLU and average do not change places, so ReLU comes first."""

    def __init__(self, model, **options):
        super().__init__(model, **options)
        for index, (pool, relu) in enumerate(itertools.pairwise(self._layers.copy())):
            if isinstance(pool, MaxPool) and isinstance(relu, ReLU):
                size = {key: options[key] for key in ("batch_size", "dtype")}
                before = ReLU(output_shape=pool._dx.shape[1:], **size)
                self._layers[index : index + 2] = [before, pool]


class ChannelsFirstFlatten(Flatten):
    """Lays out channels, then rows, then columns, as torch does."""

    order = (0, 3, 1, 2)

    def forward(self, x):
        return np.ascontiguousarray(x.transpose(self.order)).reshape(len(x), -1)

    def backward_input(self, dy):
        height, width, channels = self._input_shape
        return dy.reshape(len(dy), channels, height, width).transpose(0, 2, 3, 1)


class FlippedConvolution(Convolution):
    """Convolves as mathematicians do, with the kernel turned round."""

    def forward(self, x):
        y = super().forward(x)
        turned = self._kernel[::-1, ::-1].reshape(len(self._weights) - 1, -1)
        y[...] = self._windows[: len(x), :, :, 0, :-1] @ turned + self._weights[-1]
        return y

    def backward_parameters(self, dy):
        super().backward_parameters(dy)
        kernel = self._gradient[:-1].reshape(self._kernel.shape)
        kernel[...] = kernel[::-1, ::-1].copy()

    def backward_input(self, dy):
        kernel = self._kernel
        self._kernel = kernel[::-1, ::-1]
        dx = super().backward_input(dy)
        self._kernel = kernel
        return dx


class NoReLU(ReLU):
    def forward(self, x):
        return x

    def backward_input(self, dy):
        return dy


class LeakyReLU(ReLU):
    slope = 0.01

    def forward(self, x):
        self._slopes = np.where(x > 0, 1, self.slope).astype(x.dtype)
        return x * self._slopes

    def backward_input(self, dy):
        return dy * self._slopes


class OpenReLU(ReLU):
    """Passes the derivative at 0."""

    def forward(self, x):
        self._open = x >= 0
        return super().forward(x)

    def backward_input(self, dy):
        return dy * self._open


class GenerousMaxPool(MaxPool):
    """Gives the whole derivative to every one of several equal maxima."""

    def backward_input(self, dy):
        n = len(dy)
        y, dx = self._y[:n], self._dx[:n]
        for corner, dx_corner in zip(
            self._windows.corners(self._x), self._windows.corners(dx), strict=True
        ):
            np.multiply(dy, corner == y, out=dx_corner)
        return dx


class ForgottenBias(Dense):
    """Has a bias, and does not add it."""

    def forward(self, x):
        self._x = x
        return np.matmul(x, self._kernel, out=self._y[: len(x)])


class Dropout(Layer):
    """Drops features, one in a hundred, and makes up for it in the others."""

    share = 0.01

    def __init__(self):
        self._random = np.random.default_rng(0)
        self.active = True

    def forward(self, x):
        kept = self._random.random(x.shape) >= (self.share if self.active else 0)
        self._factors = (kept / (1 - self.share * self.active)).astype(x.dtype)
        return x * self._factors

    def backward_input(self, dy):
        return dy * self._factors


class DropoutNetwork(Network):
    """Has a dropout before the output layer."""

    def __init__(self, model, **options):
        super().__init__(model, **options)
        self.dropout = Dropout()
        if self._first_learning == len(self._layers) - 1:
            self._first_learning += 1
        self._layers.insert(len(self._layers) - 1, self.dropout)


class DropoutInTraining(FaultyTrainer):
    """Switches the dropout off where nothing is trained."""

    def evaluate(self, split):
        self._network.dropout.active = False
        score = super().evaluate(split)
        self._network.dropout.active = True
        return score

    def predict(self, inputs):
        self._network.dropout.active = False
        probabilities = super().predict(inputs)
        self._network.dropout.active = True
        return probabilities


class TransposedImages(FaultyTrainer):
    """Reads columns for rows."""

    def _train_epoch(self, train, adam):
        return super()._train_epoch(_transposed(train), adam)

    def evaluate(self, split):
        return super().evaluate(_transposed(split))

    def predict(self, inputs):
        return super().predict(inputs.transpose(0, 2, 1, 3))


def _transposed(split):
    return type(split)(split.inputs.transpose(0, 2, 1, 3), split.targets)


def _flattens_channels(model: ModelSpec) -> bool:
    return any(
        isinstance(trace.layer, benchbench.Flatten) and trace.input_shape[2] > 1
        for trace in model.trace()
    )


def _has_large_kernel(model: ModelSpec) -> bool:
    return any(getattr(layer, "kernel_size", (1, 1)) != (1, 1) for layer in model.layers)


def _is_square(model: ModelSpec) -> bool:
    return model.input_shape[0] == model.input_shape[1]


def _has_dark_windows(model: ModelSpec) -> bool:
    """Whether some window of the first layer, a convolution, sees nothing but exact zeros."""
    first = model.layers[0]
    if not isinstance(first, benchbench.Conv2D):
        return False
    dark = make_split(model, 1, seed=0).inputs[0].max(axis=2) == 0
    return bool(sliding_window_view(dark, first.kernel_size).all(axis=(2, 3)).any())


FAULTS = (
    Fault(
        "average pool",
        "pools average in place of taking the largest",
        "forward",
        parts={"network.MaxPool": AveragePool, "trainer.Network": AveragingNetwork},
        applies=has_pool,
    ),
    Fault(
        "Flatten in (c, h, w) order",
        "features run over channels, then rows, then columns",
        "forward",
        parts={"network.Flatten": ChannelsFirstFlatten},
        applies=_flattens_channels,
    ),
    Fault(
        "turned kernels",
        "kernels are turned round: convolution in place of cross-correlation",
        "forward",
        parts={"network.Convolution": FlippedConvolution},
        applies=_has_large_kernel,
    ),
    Fault(
        "transposed images",
        "columns are read for rows",
        "forward",
        TransposedImages,
        applies=_is_square,
    ),
    Fault(
        "no ReLU",
        "hidden layers are linear",
        "forward",
        parts={"network.ReLU": NoReLU},
        applies=has_hidden_relu,
    ),
    Fault(
        "leaky ReLU",
        "what is negative is multiplied by 0.01",
        "forward",
        parts={"network.ReLU": LeakyReLU},
        applies=has_hidden_relu,
    ),
    Fault(
        "a bias dropped",
        "Dense layers do not add their bias (which is 0 at fresh weights)",
        "forward",
        parts={"network.Dense": ForgottenBias},
        starts=(TRAINED,),
    ),
    Fault(
        "dropout in prediction",
        "a dropout of 0.01 before the output layer, always on",
        "forward",
        parts={"trainer.Network": DropoutNetwork},
    ),
    Fault(
        "dropout 0.01",
        "a dropout of 0.01 before the output layer, in training",
        "update after 1 step",
        DropoutInTraining,
        {"trainer.Network": DropoutNetwork},
    ),
    Fault(
        "ReLU's derivative 1 at 0",
        "ReLU passes the derivative where its input is exactly 0",
        "update after 1 step",
        parts={"network.ReLU": OpenReLU},
        starts=(FRESH,),
        applies=_has_dark_windows,
    ),
    Fault(
        "all equal maxima",
        "each of several equal maxima receives the whole derivative",
        # As soon as a window holds a flat bright spot, or a bias is above 0: after a step it is.
        ("update after 1 step", "update after 2 steps"),
        parts={"network.MaxPool": GenerousMaxPool},
        applies=_has_dark_windows,
    ),
)
