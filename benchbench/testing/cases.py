"""What the suite trains: the catalog and a few odd models."""

from __future__ import annotations

import pytest

from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import Conv2D, Dense, Flatten, MaxPool2D
from benchbench.spec.model import ModelSpec

CATALOG = tuple(MODELS.values())

# Nothing here is square, even or equal where the catalog is, so no two axes can be mistaken.
ODD_MODELS = (
    ModelSpec(
        "odd-sizes",
        (11, 9, 1),
        (
            Conv2D(4, (5, 3), "relu"),
            MaxPool2D((2, 3)),
            Flatten(),
            Dense(7, "relu"),
            Dense(5),
            Dense(3, "softmax"),
        ),
    ),
    ModelSpec(
        "three-channels",
        (9, 10, 3),
        (
            Conv2D(4, (2, 3)),
            MaxPool2D((3, 2)),
            Conv2D(5, (1, 2), "relu"),
            Flatten(),
            Dense(4, "softmax"),
        ),
    ),
    ModelSpec("pool-first", (7, 6, 2), (MaxPool2D((2, 2)), Flatten(), Dense(3, "softmax"))),
)

# A matrix product and nothing else, of 256 pixels.
LONE_DENSE = ModelSpec("lone-dense", (16, 16, 1), (Flatten(), Dense(2, "softmax")))

each_model = pytest.mark.parametrize(
    "model", [*CATALOG, *ODD_MODELS], ids=lambda model: str(model.name)
)

# Large weights saturate the softmax: there a clipped probability shows, and a clipped gradient.
each_scale = pytest.mark.parametrize("scale", [1, 4], ids=["fresh", "four-times"])
