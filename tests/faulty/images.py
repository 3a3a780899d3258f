"""Faults of layers of images and of normalisation, each as a port makes it."""

from __future__ import annotations

import functools

import msgspec
import numpy as np
from benchbench_numpy.layers import (
    AveragePool,
    BatchNorm,
    Concat,
    Convolution,
    Elementwise,
    GlobalAverage,
    LayerNorm,
    MaxPool,
    Residual,
    windows_of,
)
from benchbench_numpy.network import Network
from benchbench_numpy.optimizers import RMSprop, decayed_parts

import benchbench as bb
from benchbench import TrainingProtocol
from faulty.fault import Fault
from faulty.image_models import AVERAGES, DARK, DEPTHWISE, DILATED, MAXIMA, NORMED, STRIDED

FORWARD, ONE, TWO = "forward", "update after 1 step", "update after 2 steps"
PROTOCOL = TrainingProtocol(batch_size=16)
DECAYED = TrainingProtocol(batch_size=16, optimizer=bb.AdamW(weight_decay=0.1))
PLAIN = TrainingProtocol(batch_size=16, optimizer=bb.SGD(0.1))
RMSPROP = TrainingProtocol(batch_size=16, optimizer=bb.RMSprop())


def with_windows(change):
    """Return `windows_of` of a layer that is changed first."""

    def other(layer, input_shape, output_shape):
        return windows_of(change(layer), input_shape, output_shape)

    return other


def symmetric(layer, input_shape, output_shape):
    """Pad by half the window on both sides, as torch's padding=1."""
    windows = windows_of(layer, input_shape, output_shape)
    turned = tuple((behind, before) for before, behind in windows.padding)
    return windows.__class__(
        windows.size, windows.strides, windows.dilation, turned, windows.output
    )


def undilated(layer):
    if not isinstance(layer, bb.Conv2D):
        return layer
    return msgspec.structs.replace(layer, dilation=(1, 1))


class PaddingCounted(AveragePool):
    def __init__(self, **options):
        super().__init__(**options)
        self._counts[...] = np.prod(self._windows.size)


class BorderRepeated(PaddingCounted):
    def forward(self, x):
        padded = np.pad(x, ((0, 0), *self._windows.padding, (0, 0)), mode="edge")
        return np.asarray(sum(self._windows.corners(padded)) / self._counts, x.dtype)


class PaddedWithZero(MaxPool):
    def __init__(self, **options):
        super().__init__(**options)
        if self._padded is not None:
            self._padded[...] = 0


class MultiplierFirst(Convolution):
    """Reads the filters of a depthwise convolution as (m, c)."""

    def forward(self, x):
        groups = len(self._groups)
        filters = self._weights.shape[1]
        order = np.arange(filters).reshape(filters // groups, groups).T.ravel()
        kept = self._weights
        self._weights = np.concatenate([kept[: self._window][:, order], kept[self._window :]])
        y = super().forward(x)
        self._weights = kept
        return y


class GlobalMaximum(GlobalAverage):
    def forward(self, x):
        return x.max(axis=tuple(range(1, x.ndim - 1)))


def leaky(slope, at_zero=None):
    """Return what makes leaky_relu one of another slope, or derivative at 0."""

    class Leaky(Elementwise):
        def __init__(self, name):
            super().__init__(name)
            if name == "leaky_relu":
                self._function = lambda x: np.where(x > 0, x, np.float32(slope) * x)
                self._derivative = self._slope_at

        @staticmethod
        def _slope_at(x):
            found = np.where(x > 0, 1, slope).astype(x.dtype)
            if at_zero is not None:
                found[x == 0] = at_zero
            return found

    return Leaky


class Elu2(Elementwise):
    """Has an alpha of 2."""

    def __init__(self, name):
        super().__init__(name)
        if name == "elu":
            self._function = lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0)))
            self._derivative = lambda x: np.where(x > 0, 1, 2 * np.exp(np.minimum(x, 0)))


class Momentum99(BatchNorm):
    def __init__(self, *arrays, momentum, epsilon):
        super().__init__(*arrays, momentum=0.99, epsilon=epsilon)


class Frozen(BatchNorm):
    """gamma and beta are not trained."""

    def backward_parameters(self, dy):
        self._gamma_gradient[...] = 0
        self._beta_gradient[...] = 0


class EachPlaceAlone(BatchNorm):
    """Takes statistics over the batch, place by place; what moves is their mean."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        mean, variance = x.mean(axis=0), x.var(axis=0)
        axes = tuple(range(x.ndim - 2))
        for moving, batch in ((self._moving_mean, mean), (self._moving_variance, variance)):
            moving[...] = self._momentum * moving + (1 - self._momentum) * batch.mean(axis=axes)
        return self._normalize(x, mean, variance)

    def backward_input(self, dy):
        return self._backward(dy, (0,))


class UnbiasedInTraining(BatchNorm):
    """Divides by the root of the unbiased variance."""

    def forward(self, x):
        y = super().forward(x)
        if not self.training:
            return y
        count = x.size // x.shape[-1]
        return y * np.float32(np.sqrt((count - 1) / count))


class OneSampleAtATime(BatchNorm):
    """Normalises each sample over its own places, as an InstanceNorm."""

    def forward(self, x):
        y = super().forward(x)
        if not self.training:
            return y
        axes = tuple(range(1, x.ndim - 1))
        mean = x.mean(axis=axes, keepdims=True)
        return self._normalize(x, mean, np.square(x - mean).mean(axis=axes, keepdims=True))


class OverAllFeatures(LayerNorm):
    """Normalises a sample over all its values, as a GroupNorm of one group."""

    def forward(self, x):
        axes = tuple(range(1, x.ndim))
        mean = x.mean(axis=axes, keepdims=True)
        return self._normalize(x, mean, np.square(x - mean).mean(axis=axes, keepdims=True))


class UnbiasedLayerNorm(LayerNorm):
    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        variance = np.square(x - mean).sum(axis=-1, keepdims=True) / (x.shape[-1] - 1)
        return self._normalize(x, mean, variance)


class NoShortcut(Residual):
    def forward(self, x):
        main, shortcut = self._chains
        shortcut.forward(x)
        return main.forward(x)


class BranchesSwapped(Concat):
    def forward(self, x):
        super().forward(x)
        parts = [chain.forward(x) for chain in self._chains]
        return np.concatenate(parts[::-1], axis=-1)


class NormBehindActivation(Network):
    """Applies a BatchNorm after the activation that follows it."""

    def __init__(self, model, **options):
        super().__init__(model, **options)
        for place, layer in enumerate(self._layers[:-1]):
            if isinstance(layer, BatchNorm):
                after = self._layers[place + 1]
                self._layers[place : place + 2] = [after, layer]
                break


def scales_too(variables):
    """Decay gamma as well."""
    parts, start = list(decayed_parts(variables)), 0
    for variable in variables:
        if variable.role == "gamma":
            parts.append(slice(start, start + variable.count))
        start += variable.count
    return tuple(parts)


class Centered(RMSprop):
    """Takes the variance of gradients, not their mean square."""

    mean = 0.0

    def move(self, parameters, gradient, rate):
        rho = self._settings.rho
        self.mean = rho * self.mean + (1 - rho) * gradient
        before = parameters.copy()
        super().move(parameters, gradient, rate)
        spread = np.sqrt(np.maximum(self._v - np.square(self.mean), 0) + self._settings.epsilon)
        parameters[...] = before - np.float32(rate) * gradient / spread


def fault(name, description, part, kind, where=FORWARD, *, model, **options):
    """Return a fault that puts `kind` in the place of `part`, in the model named."""
    return Fault(
        name,
        description,
        where,
        parts={part if "." in part else f"network.{part}": kind},
        applies=functools.partial(lambda wanted, given: given.name == wanted, model.name),
        protocol=options.pop("under", PROTOCOL),
        **options,
    )


FAULTS = (
    fault("symmetric padding", "'same' is padding=k//2 on both sides", "windows_of", symmetric,
          model=STRIDED),
    fault("symmetric padding of averages", "the same of a pool", "windows_of", symmetric,
          model=AVERAGES),
    fault("symmetric padding of maxima", "the same of a pool", "windows_of", symmetric,
          model=MAXIMA),
    fault("padding counted", "the average counts what is padded", "AveragePool", PaddingCounted,
          model=AVERAGES),
    fault("border repeated", "the average is that of a repeated border", "AveragePool",
          BorderRepeated, model=AVERAGES),
    fault("maxima over 0", "the maximum is padded with 0", "MaxPool", PaddedWithZero,
          model=MAXIMA),
    fault("not dilated", "the kernel's rows and columns lie side by side", "windows_of",
          with_windows(undilated), model=DILATED),
    fault("multiplier first", "filters of a depthwise kernel lie as (m, c)", "Convolution",
          MultiplierFirst, model=DEPTHWISE),
    fault("global maximum", "the maximum of all places for their mean", "GlobalAverage",
          GlobalMaximum, model=DEPTHWISE),
    fault("leaky 0.01", "the slope of torch's default", "Elementwise", leaky(0.01),
          model=DEPTHWISE),
    fault("leaky 0.3", "the slope of Keras's layer", "Elementwise", leaky(0.3), model=DEPTHWISE),
    fault("leaky open at 0", "the derivative at 0 is 1, as JAX's", "Elementwise",
          leaky(0.2, at_zero=1), ONE, model=DARK, under=PLAIN),
    fault("elu of 2", "alpha is 2", "Elementwise", Elu2, model=NORMED),
    fault("momentum 0.99", "of the moving statistics, for 0.9", "BatchNorm", Momentum99, ONE,
          model=NORMED),
    fault("scales frozen", "gamma and beta are not trained", "BatchNorm", Frozen, ONE,
          model=NORMED),
    fault("statistics of each place", "of a batch, over the samples alone", "BatchNorm",
          EachPlaceAlone, ONE, model=NORMED),
    fault("unbiased in training", "the batch is divided by the unbiased root", "BatchNorm",
          UnbiasedInTraining, (ONE, TWO), model=NORMED),
    fault("statistics of each sample", "as an InstanceNorm's, in training", "BatchNorm",
          OneSampleAtATime, ONE, model=NORMED),
    fault("norm behind activation", "BatchNorm comes after the activation", "trainer.Network",
          NormBehindActivation, model=NORMED),
    fault("norm of all features", "as a GroupNorm of one group", "LayerNorm", OverAllFeatures,
          model=NORMED),
    fault("unbiased LayerNorm", "the variance is divided by n - 1", "LayerNorm",
          UnbiasedLayerNorm, model=NORMED),
    fault("no shortcut", "x is not added", "Residual", NoShortcut, model=NORMED),
    fault("branches swapped", "side by side in another order", "Concat", BranchesSwapped,
          model=NORMED),
    fault("scales decayed", "weight decay acts on gamma too", "optimizers.decayed_parts",
          scales_too, ONE, model=NORMED, under=DECAYED),
    fault("centered RMSprop", "by the variance of gradients", "optimizers.RMSprop", Centered, ONE,
          model=STRIDED, under=RMSPROP),
)  # fmt: skip
