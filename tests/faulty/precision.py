"""Faults of precision and scale: the right function, of rounded numbers."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.layers import Convolution, Dense

from benchbench import Split
from faulty.fault import Fault, FaultyTrainer
from faulty.rounding import to_bfloat16, to_tf32


class RoundedDense(Dense):
    """Rounds both factors of every product before it is taken."""

    rounded = staticmethod(to_tf32)

    def forward(self, x):
        self._x = x
        y = np.matmul(self.rounded(x), self.rounded(self._kernel), out=self._y[: len(x)])
        y += self._bias
        return y

    def backward_parameters(self, dy):
        np.matmul(self.rounded(self._x.T), self.rounded(dy), out=self._kernel_gradient)
        np.sum(dy, axis=0, out=self._bias_gradient)

    def backward_input(self, dy):
        rounded_kernel = self.rounded(self._kernel.T)
        return np.matmul(self.rounded(dy), rounded_kernel, out=self._dx[: len(dy)])


class RoundedConvolution(Convolution):
    rounded = staticmethod(to_tf32)

    def forward(self, x):
        y = super().forward(x)
        np.matmul(
            self.rounded(self._windows[: len(x), :, :, 0]), self.rounded(self._weights), out=y
        )
        return y

    def backward_parameters(self, dy):
        windows = self._windows[: len(dy)].reshape(-1, len(self._weights))
        rows = dy.reshape(-1, dy.shape[-1])
        np.matmul(self.rounded(windows.T), self.rounded(rows), out=self._gradient)

    def backward_input(self, dy):
        kernel = self._kernel
        self._kernel = self.rounded(kernel)
        dx = super().backward_input(self.rounded(dy))
        self._kernel = kernel
        return dx


class Bfloat16Dense(RoundedDense):
    rounded = staticmethod(to_bfloat16)


class Bfloat16Convolution(RoundedConvolution):
    rounded = staticmethod(to_bfloat16)


class HalfDense(Dense):
    """Multiplies and adds up in half precision."""

    def forward(self, x):
        self._x = x
        y = self._y[: len(x)]
        y[...] = x.astype(np.float16) @ self._kernel.astype(np.float16)
        y += self._bias
        return y


class HalfConvolution(Convolution):
    def forward(self, x):
        y = super().forward(x)
        rows = self._windows[: len(x)].reshape(-1, len(self._weights))
        product = rows.astype(np.float16) @ self._weights.astype(np.float16)
        y[...] = product.reshape(y.shape)
        return y


class ChangedImages(FaultyTrainer):
    """Sees other images than it is given."""

    def changed(self, images):
        return to_bfloat16(images)

    def _train_epoch(self, train, adam):
        return super()._train_epoch(Split(self.changed(train.inputs), train.targets), adam)

    def evaluate(self, split):
        return super().evaluate(Split(self.changed(split.inputs), split.targets))

    def predict(self, inputs):
        return super().predict(self.changed(inputs))


class Bfloat16ImagesInTraining(ChangedImages):
    def evaluate(self, split):
        return FaultyTrainer.evaluate(self, split)

    def predict(self, inputs):
        return FaultyTrainer.predict(self, inputs)


class ScaledBy256(ChangedImages):
    """Goes back to bytes, and divides them by 256."""

    def changed(self, images):
        return np.round(images * 255).astype(np.uint8).astype(np.float32) / 256


class Standardised(ChangedImages):
    """Subtracts MNIST's mean and divides by its deviation, as torch's example does."""

    def changed(self, images):
        return (images - np.float32(0.1307)) / np.float32(0.3081)


FAULTS = (
    Fault("bfloat16 inputs", "images are rounded to bfloat16", "forward", ChangedImages),
    Fault(
        "bfloat16 inputs in training",
        "images are rounded to bfloat16 where they are trained on",
        "update after 1 step",
        Bfloat16ImagesInTraining,
    ),
    Fault("1/256", "images are bytes times 1/256, in place of 1/255", "forward", ScaledBy256),
    Fault("standardised images", "images have mean 0 and deviation 1", "forward", Standardised),
    Fault(
        "half-precision accumulation",
        "products are added up in half precision",
        "forward",
        parts={"network.Dense": HalfDense, "network.Convolution": HalfConvolution},
    ),
    Fault(
        "TF32",
        "the factors of products are rounded to TF32",
        "forward",
        parts={"network.Dense": RoundedDense, "network.Convolution": RoundedConvolution},
    ),
    Fault(
        "bfloat16 products",
        "the factors of products are rounded to bfloat16 (autocast)",
        "forward",
        parts={"network.Dense": Bfloat16Dense, "network.Convolution": Bfloat16Convolution},
    ),
)
