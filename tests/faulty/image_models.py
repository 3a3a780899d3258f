"""The smallest networks in which the faults of layers of images and of norms exist."""

from __future__ import annotations

import benchbench as bb


def network(name, *layers, shape=(8, 8, 1)):
    return bb.ModelSpec(name, shape, (*layers, bb.Dense(3, "softmax")))


SAME = {"padding": "same"}
STRIDED = network("tiny-strided", bb.Conv2D(3, (3, 3), "tanh", (2, 2), **SAME), bb.Flatten())
AVERAGES = network(
    "tiny-averages",
    bb.Conv2D(4, (3, 3), "tanh"),
    bb.AvgPool2D((3, 3), (2, 2), **SAME),
    bb.Flatten(),
)
MAXIMA = network(
    "tiny-maxima",
    bb.Conv2D(4, (3, 3), "tanh"),
    bb.MaxPool2D((3, 3), (2, 2), **SAME),
    bb.Flatten(),
)
DILATED = network(
    "tiny-dilated", bb.Conv2D(3, (3, 3), "tanh", dilation=(2, 2), **SAME), bb.Flatten()
)
DEPTHWISE = network(
    "tiny-depthwise",
    bb.Conv2D(6, (3, 3), "linear", groups=2),
    bb.Activation("leaky_relu"),
    bb.GlobalAvgPool2D(),
    shape=(6, 6, 2),
)
# The border of the images is dark: without a bias some windows are exactly 0.
DARK = network(
    "tiny-dark", bb.Conv2D(4, (2, 2), "leaky_relu"), bb.AvgPool2D(), bb.Flatten(), shape=(18, 18, 1)
)
NORMED = network(
    "tiny-normed",
    bb.Conv2D(4, (3, 3), use_bias=False),
    bb.BatchNorm(momentum=0.9),
    bb.Activation("gelu"),
    bb.Residual((bb.Conv2D(4, (1, 1)), bb.LayerNorm())),
    bb.Concat(((bb.Conv2D(2, (3, 3), "tanh"),), (bb.Conv2D(3, (3, 3), "elu"),))),
    bb.GlobalAvgPool2D(),
    shape=(6, 6, 1),
)
IMAGE_MODELS = (STRIDED, AVERAGES, MAXIMA, DILATED, DEPTHWISE, DARK, NORMED)
