"""Small specs drawn at random, every one of them valid: each size is drawn to fit what is left."""

from __future__ import annotations

from hypothesis import strategies as st

from benchbench.certify.exercise import Exercise
from benchbench.spec.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol

# Larger specs take other ways: blocked layouts, and in Keras's tuned division no XLA.
_SIDES = st.integers(1, 14) | st.sampled_from([11, 13, 14])
_FILTERS = st.integers(1, 6) | st.sampled_from([8, 16, 32])
_UNITS = st.integers(1, 24) | st.sampled_from([32, 64, 100])
_ACTIVATIONS = st.sampled_from(["linear", "relu"])
_LARGEST_WINDOW = 4


@st.composite
def models(draw: st.DrawFn) -> ModelSpec:
    """Draw a model: images of 1x1x1 to 14x14x3, up to four convolutions and pools in any order, up
    to three hidden Dense layers, 2 to 12 classes."""
    input_shape = draw(st.tuples(_SIDES, _SIDES, st.integers(1, 3)))
    layers = [
        *draw(_on_images(*input_shape[:2])),
        Flatten(),
        # A second Flatten has nothing to do, and is allowed.
        *draw(st.sampled_from([(), (), (), (), (Flatten(),)])),
        *draw(st.lists(st.builds(Dense, _UNITS, _ACTIVATIONS), max_size=3)),
        Dense(draw(st.integers(2, 12)), "softmax"),
    ]
    return ModelSpec("fuzzed", input_shape, tuple(layers))


@st.composite
def _on_images(draw: st.DrawFn, height: int, width: int) -> list[Layer]:
    """Draw convolutions and pools with windows of 1x1 to 4x4, as far as the image allows."""
    layers: list[Layer] = []
    for kind in draw(st.lists(st.sampled_from([Conv2D, MaxPool2D]), max_size=4)):
        size = draw(
            st.tuples(
                st.integers(1, min(height, _LARGEST_WINDOW)),
                st.integers(1, min(width, _LARGEST_WINDOW)),
            )
        )
        if kind is Conv2D:
            layers.append(Conv2D(draw(_FILTERS), size, draw(_ACTIVATIONS)))
            height, width = height - size[0] + 1, width - size[1] + 1
        else:
            layers.append(MaxPool2D(size))
            height, width = height // size[0], width // size[1]
    return layers


_OTHER_ADAMS = st.builds(
    Adam,
    learning_rate=st.sampled_from([1e-4, 3e-4, 3e-3, 1e-2]),
    beta_1=st.sampled_from([0.0, 0.5, 0.8, 0.95]),
    beta_2=st.sampled_from([0.9, 0.99, 0.9999]),
    epsilon=st.sampled_from([1e-8, 1e-6, 1e-4, 1e-2]),
)


def protocols() -> st.SearchStrategy[TrainingProtocol]:
    """Draw a protocol: batches of 1 to 40, and Adam as it is in the benchmark three times in four.

    A short batch has 13 of 32 samples of a whole one, and one sample at least.
    """
    # A draw of its own says which Adam: `one_of` would flatten the alternatives.
    adams = st.integers(0, 3).flatmap(lambda n: _OTHER_ADAMS if n == 3 else st.just(Adam()))
    return st.builds(TrainingProtocol, batch_size=st.integers(1, 40), optimizer=adams)


def exercises() -> st.SearchStrategy[Exercise]:
    """Draw a model, a protocol, and the seed of weights and samples."""
    return st.builds(Exercise, models(), protocols(), st.integers(0, 999))
