"""The four models with the figures published for them, and further networks for MNIST.

Source of the four: the seed notebook (94-775/95-865): five epochs of the default
`TrainingProtocol` on MNIST with Keras, one seed each.
"""

from __future__ import annotations

from types import MappingProxyType

from benchbench.spec.layers import (
    Activation,
    ActivationName,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    Residual,
)
from benchbench.spec.model import ModelSpec

_IMAGE = (28, 28, 1)

MODELS = MappingProxyType(
    {
        model.name: model
        for model in (
            ModelSpec("single-layer", _IMAGE, (Flatten(), Dense(10, "softmax"))),
            ModelSpec("two-layer", _IMAGE, (Flatten(), Dense(512, "relu"), Dense(10, "softmax"))),
            ModelSpec(
                "simple-cnn",
                _IMAGE,
                (
                    Conv2D(32, (3, 3), "relu"),
                    MaxPool2D((2, 2)),
                    Flatten(),
                    Dense(10, "softmax"),
                ),
            ),
            ModelSpec(
                "deeper-cnn",
                _IMAGE,
                (
                    Conv2D(32, (3, 3), "relu"),
                    MaxPool2D((2, 2)),
                    Conv2D(32, (3, 3), "relu"),
                    MaxPool2D((2, 2)),
                    Flatten(),
                    Dense(10, "softmax"),
                ),
            ),
        )
    }
)

# Test accuracy on MNIST, one seed each.
PUBLISHED_ACCURACY = MappingProxyType(
    {"single-layer": 0.9209, "two-layer": 0.9766, "simple-cnn": 0.9812, "deeper-cnn": 0.9840}
)


def _convolution(
    filters: int,
    size: int,
    strides: int = 1,
    *,
    activation: ActivationName = "linear",
    groups: int = 1,
) -> tuple[Layer, ...]:
    """Return a padded convolution without a bias, a BatchNorm, and an activation if one is named.

    The BatchNorm has a momentum with which its statistics follow within an epoch.
    """
    convolution = Conv2D(
        filters,
        (size, size),
        strides=(strides, strides),
        padding="same",
        groups=groups,
        use_bias=False,
    )
    norm = BatchNorm(momentum=0.9, epsilon=1e-3)
    return (
        (convolution, norm, Activation(activation))
        if activation != "linear"
        else (convolution, norm)
    )


def _block(filters: int, strides: int = 1) -> tuple[Layer, ...]:
    """Return a residual block of two convolutions; strides change the shortcut as well."""
    layers = (*_convolution(filters, 3, strides, activation="relu"), *_convolution(filters, 3))
    shortcut = _convolution(filters, 1, strides) if strides > 1 else ()
    return Residual(layers, shortcut), Activation("relu")


def _separable(channels: int, filters: int, strides: int = 1) -> tuple[Layer, ...]:
    """Return a depthwise convolution and one of 1x1, as MobileNet has them."""
    return (
        *_convolution(channels, 3, strides, activation="relu6", groups=channels),
        *_convolution(filters, 1, activation="relu6"),
    )


# Further networks, by name; "all" means the four.
MORE_MODELS = MappingProxyType(
    {
        model.name: model
        for model in (
            # LeCun et al., "Gradient-based learning applied to document recognition", 1998, with
            # plain average pools and a softmax.
            ModelSpec(
                "lenet-5",
                _IMAGE,
                (
                    Conv2D(6, (5, 5), "tanh", padding="same"),
                    AvgPool2D(),
                    Conv2D(16, (5, 5), "tanh"),
                    AvgPool2D(),
                    Flatten(),
                    Dense(120, "tanh"),
                    Dense(84, "tanh"),
                    Dense(10, "softmax"),
                ),
            ),
            ModelSpec(
                "mlp-dropout",
                _IMAGE,
                (
                    Flatten(),
                    Dense(256, "relu"),
                    Dropout(0.2),
                    Dense(256, "relu"),
                    Dropout(0.2),
                    Dense(10, "softmax"),
                ),
            ),
            # He et al., "Deep residual learning for image recognition", CVPR 2016, in small.
            ModelSpec(
                "resnet-mini",
                _IMAGE,
                (
                    *_convolution(8, 3, 2, activation="relu"),
                    *_block(8),
                    *_block(16, 2),
                    GlobalAvgPool2D(),
                    Dense(10, "softmax"),
                ),
            ),
            # Howard et al., "MobileNets", 2017, in small.
            ModelSpec(
                "mobilenet-mini",
                _IMAGE,
                (
                    *_convolution(8, 3, 2, activation="relu6"),
                    *_separable(8, 16),
                    *_separable(16, 32, 2),
                    GlobalAvgPool2D(),
                    Dense(10, "softmax"),
                ),
            ),
        )
    }
)
