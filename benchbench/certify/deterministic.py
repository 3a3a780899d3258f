"""A model as two implementations can be compared on it: without what each draws for itself."""

from __future__ import annotations

import msgspec

from benchbench.spec.layers import Dropout, Layer, map_layers
from benchbench.spec.model import ModelSpec


def without_dropout(model: ModelSpec) -> ModelSpec:
    """Return the model with every dropout's rate 0."""
    layers = map_layers(model.layers, _undropped)
    return model if layers == model.layers else msgspec.structs.replace(model, layers=layers)


def _undropped(layer: Layer) -> Layer:
    return Dropout(0.0) if isinstance(layer, Dropout) else layer
