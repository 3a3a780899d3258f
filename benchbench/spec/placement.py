"""Do the layers of a model fit together? Every misfit, with the place of the layer at fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, get_args

from benchbench.errors import SpecError
from benchbench.spec.layers import Dense, Embedding, Layer, Residual, chains_of
from benchbench.spec.losses import OutputActivation
from benchbench.spec.variables import Shape

_Place: TypeAlias = tuple[str | int, ...]


def misplaced(layers: Sequence[Layer], input_type: str) -> Iterator[SpecError]:
    """Yield what stands where it may not, whatever the shapes: output layer, softmax, tokens."""
    yield from _output_faults(layers[-1], ("layers", len(layers) - 1))
    yield from _stray_softmaxes(layers[:-1], ("layers",))
    yield from _token_faults(layers, input_type)


def shape_misfits(layers: Sequence[Layer], input_shape: Shape) -> list[SpecError]:
    """Return each layer's quarrel with its input, as far as shapes are known.

    Behind a layer that does not fit, shapes are the largest that it could give once it is mended:
    what does not fit even then is at fault too.
    """
    found, _ = _walk(layers, input_shape, ("layers",), "")
    return found


def _walk(
    layers: Sequence[Layer], shape: Shape, place: _Place, words: str
) -> tuple[list[SpecError], Shape | None]:
    """Return the misfits of a chain, and its output's shape; None where that is not known."""
    found: list[SpecError] = []
    for index, layer in enumerate(layers):
        own, told = (*place, index), f"{words}layer {index + 1}: "
        ends = []
        within: list[SpecError] = []
        for name, chain in chains_of(layer):
            errors, end = _walk(chain, shape, inside(own, name), f"{told}{name}, ")
            within += errors
            ends.append(end)
        if not within:
            within = [
                SpecError(f"{told}{error.reason}", (*own, *error.path))
                for error in layer.misfits(shape)
            ]
        found += within
        if not within:
            after: Shape | None = layer.output_shape(shape)
        elif ends:
            after = _joined(layer, ends)
        else:
            after = layer.mended_shape(shape)
        if after is None:
            return found, None
        shape = after
    return found, shape


def _joined(layer: Layer, ends: Sequence[Shape | None]) -> Shape | None:
    """Return what a layer that holds others makes of their outputs, as far as it is known."""
    known = [end for end in ends if end is not None]
    if isinstance(layer, Residual):
        return known[0] if known else None
    if len(known) < len(ends) or len({end[:-1] for end in known}) > 1:
        return None
    return (*known[0][:-1], sum(end[-1] for end in known))


def inside(place: _Place, name: str) -> _Place:
    """Return the place of a chain by its name, `shortcut` or `branches.0`."""
    return (*place, *(int(key) if key.isdigit() else key for key in name.split(".")))


def _name(place: _Place) -> str:
    return ".".join(map(str, place))


def _output_faults(last: Layer, place: _Place) -> Iterator[SpecError]:
    """Yield why the layer cannot be the last one."""
    if not (isinstance(last, Dense) and last.activation in get_args(OutputActivation)):
        yield SpecError(
            f"the last layer must be the output layer, Dense(classes, softmax), Dense(outputs, "
            f"sigmoid) or Dense(outputs, linear), but it is {last.describe()}",
            place,
        )
    elif last.activation == "softmax" and last.units < 2:
        yield SpecError(
            "the output layer needs at least 2 units with softmax, one a class; a single "
            "probability is an output with sigmoid",
            place,
        )


def _stray_softmaxes(layers: Sequence[Layer], place: _Place) -> Iterator[SpecError]:
    for index, layer in enumerate(layers):
        own = (*place, index)
        for field in ("activation", "function"):
            if getattr(layer, field, None) == "softmax":
                yield SpecError(
                    f"softmax belongs to the output layer only, but {layer.describe()} stands at "
                    f"{_name(own)}",
                    (*own, field),
                )
        for name, chain in chains_of(layer):
            yield from _stray_softmaxes(chain, inside(own, name))


def _token_faults(layers: Sequence[Layer], input_type: str) -> Iterator[SpecError]:
    """Yield where it is not so that tokens, and only tokens, go into an Embedding."""
    embeds = isinstance(layers[0], Embedding)
    if input_type == "int32" and not embeds:
        yield SpecError(
            f"an input of the type int32 holds tokens, which only an Embedding takes, but the "
            f"first layer is {layers[0].describe()}",
            ("input_type",),
        )
    if input_type == "float32" and embeds:
        yield SpecError(
            'Embedding takes tokens, whole numbers: give the model input_type = "int32"',
            ("layers", 0),
        )
    for place, leaf in _leaves(layers, ("layers",)):
        if isinstance(leaf, Embedding) and place != ("layers", 0):
            yield SpecError(
                f"Embedding takes the model's tokens, so it can only be the first layer, but "
                f"{leaf.describe()} stands at {_name(place)}",
                place,
            )


def _leaves(layers: Sequence[Layer], place: _Place) -> Iterator[tuple[_Place, Layer]]:
    """Yield the layers that hold no others, with their places."""
    for index, layer in enumerate(layers):
        own = (*place, index)
        chains = chains_of(layer)
        if not chains:
            yield own, layer
        for name, chain in chains:
            yield from _leaves(chain, inside(own, name))
