"""What goes into the layers of a user's Keras model and comes out: their `call` is watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import ForwardTrace, Piece

_WITH_ACTIVATION = ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose")


@contextmanager
def watched(model: Any, pieces: Sequence[Piece], traced: ForwardTrace) -> Iterator[None]:
    """Have the layers note their ends in `traced` meanwhile."""
    restore = []
    owners = {id(piece.owner) for piece in pieces}
    at_steps = _called_at_steps(model)
    for piece in pieces:
        repeated = id(piece.owner) in at_steps or piece.kind.endswith("Cell")
        if piece.owner is not model:
            restore.append((piece.owner, "call", piece.owner.call))
            # A layer that holds others is more than its own block.
            inner = {id(one) for one in piece.owner._flatten_layers(include_self=False)}
            ends = not inner & owners and not repeated
            piece.owner.call = _recorder(piece.name, piece.owner.call, traced, ends=ends)
        if piece.kind in _WITH_ACTIVATION and not repeated:
            activation = piece.owner.activation
            restore.append((piece.owner, "activation", activation))
            piece.owner.activation = _before(piece.name, activation, traced)
    try:
        yield
    finally:
        for owner, name, value in restore:
            setattr(owner, name, value)
    traced.called += [piece.name for piece in pieces if piece.owner is model]


def _called_at_steps(model: Any) -> set[int]:
    """Return the layers within a TimeDistributed, which calls them at every step."""
    return {
        id(inner)
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.TimeDistributed)
        for inner in layer._flatten_layers(include_self=False)
    }


def _recorder(name: str, call: Any, traced: ForwardTrace, *, ends: bool) -> Any:
    def record(*arguments: Any, **named: Any) -> Any:
        output = call(*arguments, **named)
        if name not in traced.called:
            traced.called.append(name)
        values = [*arguments, *named.values()]
        if ends and name not in traced.inputs and values:
            traced.inputs[name] = array(values[0])
            first = output[0] if isinstance(output, tuple | list) else output
            traced.outputs.setdefault(name, array(first))
        return output

    return record


def _before(name: str, activation: Any, traced: ForwardTrace) -> Any:
    def record(value: Any) -> Any:
        traced.outputs.setdefault(name, array(value))
        return activation(value)

    return record if activation is not None else None


def array(value: Any) -> npt.NDArray[Any]:
    """Return a tensor as an array; NumPy has no bfloat16."""
    found = np.array(keras.ops.convert_to_numpy(value))
    known = found.dtype.name in {"float32", "float64"} or found.dtype.kind in "iu"
    return found if known else found.astype(np.float32)
