"""Further networks, of the kinds that people train, each small; and what each is trained on."""

from __future__ import annotations

from types import MappingProxyType

from benchbench.spec.layers import (
    GRU,
    Activation,
    ActivationName,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    Layer,
    LayerNorm,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
)
from benchbench.spec.model import ModelSpec

_IMAGE = (28, 28, 1)
# Of a text: the window, and printable ASCII with the line break.
_STEPS, _CHARACTERS = 32, 96


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


def _transformer(features: int, *, causal: bool = False) -> tuple[Layer, ...]:
    """Return a block of a transformer, normalised before each half: attention, then two layers."""
    norm = LayerNorm(epsilon=1e-5)
    return (
        Residual((norm, MultiHeadAttention(4, causal=causal))),
        Residual((norm, Dense(2 * features, "gelu"), Dense(features))),
    )


# By name; --model all means the four of `catalog`, --model catalog these too.
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
            # Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, in small: patches of
            # 7x7, and the mean of all places in the place of a class token.
            ModelSpec(
                "vit-mini",
                _IMAGE,
                (
                    Conv2D(32, (7, 7), strides=(7, 7)),
                    Reshape((16, 32)),
                    PositionEmbedding(),
                    *_transformer(32),
                    *_transformer(32),
                    LayerNorm(epsilon=1e-5),
                    GlobalAvgPool1D(),
                    Dense(10, "softmax"),
                ),
            ),
            # The character behind a window of a text.
            ModelSpec(
                "char-gru",
                (_STEPS,),
                (Embedding(_CHARACTERS, 32), GRU(64), Dense(_CHARACTERS, "softmax")),
                "int32",
            ),
            # The next character at each place. Radford et al., "Improving language understanding
            # by generative pre-training", 2018, in small.
            ModelSpec(
                "char-transformer",
                (_STEPS,),
                (
                    Embedding(_CHARACTERS, 32),
                    PositionEmbedding(),
                    *_transformer(32, causal=True),
                    *_transformer(32, causal=True),
                    LayerNorm(epsilon=1e-5),
                    Dense(_CHARACTERS, "softmax"),
                ),
                "int32",
            ),
            ModelSpec("tabular-mlp", (10,), (Dense(64, "relu"), Dense(64, "relu"), Dense(1))),
            ModelSpec(
                "autoencoder",
                _IMAGE,
                (
                    Flatten(),
                    Dense(128, "relu"),
                    Dense(32, "relu"),
                    Dense(128, "relu"),
                    Dense(784, "sigmoid"),
                ),
            ),
        )
    }
)

# The data set of a model that is trained on another than MNIST or digits, by name.
DATASETS = MappingProxyType(
    {
        "char-gru": "unicode-names",
        "char-transformer": "unicode-names",
        "tabular-mlp": "diabetes",
        "autoencoder": "auto:autoencoder",
    }
)
