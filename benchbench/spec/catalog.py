"""The catalog: the four models with the figures published for them, and the further ones.

Source of the four: the seed notebook (94-775/95-865): five epochs of the default
`TrainingProtocol` on MNIST with Keras, one seed each.
"""

from __future__ import annotations

from types import MappingProxyType

from benchbench.spec.further_models import DATASETS, MORE_MODELS
from benchbench.spec.layers import Conv2D, Dense, Flatten, MaxPool2D
from benchbench.spec.model import ModelSpec

__all__ = ["DATASETS", "MODELS", "MORE_MODELS", "PUBLISHED_ACCURACY", "dataset_for"]

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


def dataset_for(model: ModelSpec) -> str | None:
    """Return the name of the data set that a model of the catalog is trained on by default.

    "auto" is MNIST, or else digits. None for a model of somebody else's, also under such a name.
    """
    known = MODELS | MORE_MODELS
    return DATASETS.get(model.name, "auto") if known.get(model.name) == model else None
