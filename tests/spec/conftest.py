"""Models drawn at random, every one of them valid."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from benchbench.spec.layers import Conv2D, Dense, Flatten, MaxPool2D
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import Adam, TrainingProtocol

_HIDDEN = st.sampled_from(["linear", "relu"])


@st.composite
def _models(draw):
    shape = draw(st.tuples(st.integers(1, 28), st.integers(1, 28), st.integers(1, 4)))
    height, width, _ = shape
    layers = []
    for _ in range(draw(st.integers(0, 4))):
        size = draw(st.tuples(st.integers(1, height), st.integers(1, width)))
        if draw(st.booleans()):
            layers.append(Conv2D(draw(st.integers(1, 64)), size, draw(_HIDDEN)))
            height, width = height - size[0] + 1, width - size[1] + 1
        else:
            layers.append(MaxPool2D(size))
            height, width = height // size[0], width // size[1]
    layers.append(Flatten())
    for _ in range(draw(st.integers(0, 3))):
        layers.append(Dense(draw(st.integers(1, 512)), draw(_HIDDEN)))
    layers.append(Dense(draw(st.integers(2, 1000)), "softmax"))
    name = draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}", fullmatch=True))
    return ModelSpec(name, shape, tuple(layers))


_FRACTION = st.floats(0, 1, exclude_max=True)
_POSITIVE = st.floats(0, 10, exclude_min=True)


@pytest.fixture(scope="session")
def models():
    """Return a strategy of valid models."""
    return _models()


@pytest.fixture(scope="session")
def protocols():
    """Return a strategy of valid protocols."""
    adam = st.builds(
        Adam,
        learning_rate=_POSITIVE,
        beta_1=_FRACTION,
        beta_2=_FRACTION,
        epsilon=_POSITIVE,
    )
    return st.builds(
        TrainingProtocol,
        epochs=st.integers(1, 1000),
        batch_size=st.integers(1, 60_000),
        shuffle=st.booleans(),
        optimizer=adam,
    )
