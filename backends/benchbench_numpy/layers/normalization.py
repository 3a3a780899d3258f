"""Normalisation: to mean 0 and variance 1, over the batch or over the features of each place."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class _Normalization(Layer):
    """y = gamma * xh + beta with xh = (x - mean) / sqrt(variance + epsilon).

    With s = 1 / sqrt(variance + epsilon), means over the normalised axes, and g = gamma * dy:

        dx = s * (g - mean(g) - xh * mean(g * xh)),  dgamma = sum(dy * xh),  dbeta = sum(dy)

    Source: Ioffe and Szegedy, "Batch normalization", ICML 2015, section 3.

    | array                | shape                  |
    |----------------------|------------------------|
    | x, dx, y, dy         | (n, *places, features) |
    | gamma, beta and theirs | (features,)          |
    """

    learns = True

    def __init__(self, weights: Array, gradient: Array, *, epsilon: float) -> None:
        """Take `weights` and their `gradient`, both (2, features): gamma, then beta."""
        self._gamma, self._beta = weights
        self._gamma_gradient, self._beta_gradient = gradient
        self._epsilon = epsilon

    def _normalize(self, x: Array, mean: Array, variance: Array) -> Array:
        self._scale = 1 / np.sqrt(variance + self._epsilon)
        self._xh = (x - mean) * self._scale
        return self._gamma * self._xh + self._beta

    def backward_parameters(self, dy: Array) -> None:
        axes = tuple(range(dy.ndim - 1))
        np.sum(dy * self._xh, axis=axes, out=self._gamma_gradient)
        np.sum(dy, axis=axes, out=self._beta_gradient)

    def _backward(self, dy: Array, axes: tuple[int, ...]) -> Array:
        g = self._gamma * dy
        mean = g.mean(axis=axes, keepdims=True)
        along = (g * self._xh).mean(axis=axes, keepdims=True)
        return self._scale * (g - mean - self._xh * along)


class BatchNorm(_Normalization):
    """Over all axes but the last: of the batch in training, of the moving ones in evaluation."""

    def __init__(
        self, weights: Array, gradient: Array, state: Array, *, momentum: float, epsilon: float
    ) -> None:
        """Take also `state` (2, features): the moving mean, then the moving variance."""
        super().__init__(weights, gradient, epsilon=epsilon)
        self._moving_mean, self._moving_variance = state
        self._momentum = momentum

    def forward(self, x: Array) -> Array:
        if not self.training:
            return self._normalize(x, self._moving_mean, self._moving_variance)
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axis=axes)
        variance = np.square(x - mean).mean(axis=axes)
        for moving, batch in ((self._moving_mean, mean), (self._moving_variance, variance)):
            moving[...] = self._momentum * moving + (1 - self._momentum) * batch
        return self._normalize(x, mean, variance)

    def backward_input(self, dy: Array) -> Array:
        return self._backward(dy, tuple(range(dy.ndim - 1)))


class LayerNorm(_Normalization):
    """Over the last axis, at each place."""

    def forward(self, x: Array) -> Array:
        mean = x.mean(axis=-1, keepdims=True)
        variance = np.square(x - mean).mean(axis=-1, keepdims=True)
        return self._normalize(x, mean, variance)

    def backward_input(self, dy: Array) -> Array:
        return self._backward(dy, (-1,))
