"""Specs drawn at random, every one of them valid; spec files, and how they are refused."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from benchbench.errors import UsageError
from benchbench.spec.layers import Conv2D, Dense, Flatten, MaxPool2D
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import SGD, Adam, AdamW, RMSprop
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine, Exponential, Piecewise

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


@st.composite
def _schedules(draw):
    kind = draw(st.sampled_from([Cosine, Exponential, Piecewise]))
    # A first rate that a warm-up can begin below.
    rate, steps = draw(st.floats(1e-300, 10)), st.integers(1, 10_000)
    warmup = {}
    if draw(st.booleans()):
        warmup = {
            "warmup_steps": draw(steps),
            "warmup_from": draw(st.floats(0, rate, exclude_min=True, exclude_max=True)),
        }
    if kind is Piecewise:
        boundaries = sorted(draw(st.sets(steps, min_size=1, max_size=12)))
        values = [
            rate,
            *draw(st.lists(_POSITIVE, min_size=len(boundaries), max_size=len(boundaries))),
        ]
        return Piecewise(boundaries=boundaries, values=values, **warmup)
    if kind is Cosine:
        return Cosine(rate, draw(steps), draw(st.floats(0, 1)), **warmup)
    share = draw(st.floats(0, 1, exclude_min=True))
    return Exponential(rate, draw(steps), share, draw(st.booleans()), **warmup)


@pytest.fixture(scope="session")
def schedules():
    """Return a strategy of valid schedules."""
    return _schedules()


@pytest.fixture(scope="session")
def models():
    """Return a strategy of valid models."""
    return _models()


@pytest.fixture(scope="session")
def protocols():
    """Return a strategy of valid protocols."""
    rates = st.one_of(_POSITIVE, _schedules())
    betas = {"beta_1": _FRACTION, "beta_2": _FRACTION, "epsilon": _POSITIVE}
    places = st.sampled_from(["uncorrected_root", "corrected_root"])
    adams = betas | {"learning_rate": rates, "epsilon_added_to": places}
    decays = st.floats(0, 1)
    optimizers = st.one_of(
        st.builds(Adam, **adams),
        st.builds(AdamW, weight_decay=decays, **adams),
        st.builds(
            SGD,
            learning_rate=rates,
            momentum=_FRACTION.filter(bool),
            nesterov=st.booleans(),
            weight_decay=decays,
        ),
        st.builds(SGD, learning_rate=rates),
        st.builds(RMSprop, learning_rate=rates, rho=_FRACTION.filter(bool), epsilon=_POSITIVE),
    )
    return st.builds(
        TrainingProtocol,
        epochs=st.integers(1, 1000),
        batch_size=st.integers(1, 60_000),
        shuffle=st.booleans(),
        optimizer=optimizers,
        clip_norm=st.none() | _POSITIVE,
    )


@pytest.fixture
def write(tmp_path):
    """Write a spec file and return its path."""

    def _write(text):
        path = tmp_path / "spec.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.fixture
def check_refusal(write):
    """Check that `load` refuses a file with this text at this line, with this reason."""

    def check(load, text, line, reason):
        path = write(text)
        with pytest.raises(UsageError) as refusal:
            load(path)
        message = str(refusal.value)
        assert message.startswith(f"{path}, line {line}: "), message
        assert reason in message

    return check
