"""A model as two implementations can be compared on it: without what each draws for itself."""

from __future__ import annotations

import msgspec

from benchbench.spec.layers import Concat, Dropout, Layer, Residual
from benchbench.spec.model import ModelSpec


def without_dropout(model: ModelSpec) -> ModelSpec:
    """Return the model with every dropout's rate 0."""
    if not any(isinstance(leaf.layer, Dropout) for leaf in model.leaves()):
        return model
    return msgspec.structs.replace(model, layers=_undropped(model.layers))


def _undropped(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    changed: list[Layer] = []
    for layer in layers:
        match layer:
            case Dropout():
                changed.append(Dropout(0.0))
            case Residual():
                changed.append(Residual(_undropped(layer.layers), _undropped(layer.shortcut)))
            case Concat():
                changed.append(Concat(tuple(_undropped(branch) for branch in layer.branches)))
            case _:
                changed.append(layer)
    return tuple(changed)
