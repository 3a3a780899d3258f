"""What a backend cannot know it must refuse: layer, field, activation, optimizer, loss."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from benchbench.errors import Unsupported
from benchbench.spec.layers import Dense, Embedding, Flatten, MultiHeadAttention
from benchbench.spec.losses import CrossEntropy
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.subject import Subject


class Abacus(Dense, frozen=True, tag="Abacus"):
    """A layer of a release to come."""


class WarpedDense(Dense, frozen=True, tag="Dense"):
    """Dense, with a field of a release to come."""

    warp: float = 0.0


class SparseAttention(MultiHeadAttention, frozen=True, tag="MultiHeadAttention"):
    """Attention, with a field of a release to come."""

    window: int = 0


class Adagrad(Adam, frozen=True, tag="AdagradToCome"):
    """An optimizer of a release to come."""


class DampedAdam(Adam, frozen=True, tag="Adam"):
    """Adam, with a field of a release to come."""

    damping: float = 0.0


class Hinge(CrossEntropy, frozen=True, tag="Hinge"):
    """A loss of a release to come."""


class FocalCrossEntropy(CrossEntropy, frozen=True, tag="CrossEntropy"):
    """Cross-entropy, with a field of a release to come."""

    focus: float = 0.0


Case = tuple[ModelSpec, TrainingProtocol]


def _output(model: ModelSpec, kind: type[Dense], **changes: Any) -> ModelSpec:
    """Return the model with another class for its last layer; no check of the spec's is made."""
    last = model.layers[-1]
    layer = kind(**msgspec.structs.asdict(last))
    for name, value in changes.items():
        msgspec.structs.force_setattr(layer, name, value)
    changed = msgspec.structs.replace(model)
    msgspec.structs.force_setattr(changed, "layers", (*model.layers[:-1], layer))
    return changed


def _optimizer(protocol: TrainingProtocol, optimizer: Adam) -> TrainingProtocol:
    return _changed(protocol, "optimizer", optimizer)


def _loss(protocol: TrainingProtocol, loss: CrossEntropy) -> TrainingProtocol:
    return _changed(protocol, "loss", loss)


def _changed(protocol: TrainingProtocol, field: str, value: Any) -> TrainingProtocol:
    """Return the protocol with another value of a field; no check of the spec's is made."""
    changed = copy.copy(protocol)
    msgspec.structs.force_setattr(changed, field, value)
    return changed


def _sequences(input_type: str = "int32", window: int = 0) -> ModelSpec:
    """Return a network of tokens; no check of the spec's is made of what it has from to come."""
    before, after = (Embedding(7, 4),), (Flatten(), Dense(3, "softmax"))
    model = ModelSpec("tokens-to-come", (6,), (*before, MultiHeadAttention(2), *after), "int32")
    layers = (*before, SparseAttention(2, window=window), *after)
    msgspec.structs.force_setattr(model, "layers", layers)
    msgspec.structs.force_setattr(model, "input_type", input_type)
    return model


UNKNOWN: dict[str, Callable[[ModelSpec, TrainingProtocol], Case]] = {
    "layer": lambda model, protocol: (_output(model, Abacus), protocol),
    "field": lambda model, protocol: (_output(model, WarpedDense, warp=0.5), protocol),
    "activation": lambda model, protocol: (_output(model, Dense, activation="wiggle"), protocol),
    "field of attention": lambda _, protocol: (_sequences(window=3), protocol),
    "input type": lambda _, protocol: (_sequences(input_type="utf8"), protocol),
    "optimizer": lambda model, protocol: (model, _optimizer(protocol, Adagrad())),
    "optimizer field": lambda model, protocol: (
        model,
        _optimizer(protocol, DampedAdam(damping=0.5)),
    ),
    "loss": lambda model, protocol: (model, _loss(protocol, Hinge())),
    "loss field": lambda model, protocol: (model, _loss(protocol, FocalCrossEntropy(focus=0.5))),
}


class RefusalTests(Subject):
    """A backend that does not know a word of the spec says so, and trains nothing in its place."""

    @pytest.mark.parametrize("word", UNKNOWN)
    def test_refuses_what_it_cannot_know(self, word: str) -> None:
        model, protocol = UNKNOWN[word](self.some_model(), TrainingProtocol(epochs=1))
        with pytest.raises(Unsupported) as refusal:
            self.bare_trainer(model, protocol)
        assert str(refusal.value), "Unsupported must say why"

    def test_takes_what_it_cannot_know_at_its_default(self) -> None:
        """A field that says what was meant before it was there changes nothing."""
        model = _output(self.some_model(), WarpedDense)
        protocol = _loss(TrainingProtocol(epochs=1), FocalCrossEntropy())
        self.bare_trainer(model, _optimizer(protocol, DampedAdam()))
