"""A network as data: its name, the shape of one input, its layers; and the arithmetic on them."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.fields import settle_fields
from benchbench.spec.layers import Count, Dense, Layer
from benchbench.spec.variables import Shape, Variable


class LayerTrace(msgspec.Struct, frozen=True):
    """One layer in its place: what goes in, what comes out, what is learnt, what it costs.

    `place` is the layer's in `ModelSpec.layers`, from 0. `variables` bear their names in the model.
    """

    place: int
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    variables: tuple[Variable, ...]
    count_formula: str
    forward_flops: int

    @property
    def parameter_count(self) -> int:
        """How many values the layer's variables have together."""
        return sum(variable.count for variable in self.variables)


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A feed-forward classifier.

    `input_shape` is (height, width, channels) of one image. The last layer must be a Dense layer
    with softmax: it gives the probabilities of the classes. Raises SpecError if the layers do not
    fit together.
    """

    original_fields: ClassVar = ("name", "input_shape", "layers")

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
    input_shape: tuple[Count, Count, Count]
    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        settle_fields(self)
        self.trace()
        last, place = self.layers[-1], ("layers", len(self.layers) - 1)
        if not (isinstance(last, Dense) and last.activation == "softmax"):
            raise SpecError(
                f"the last layer must be the output layer, Dense(classes, softmax), "
                f"but it is {last.describe()}",
                place,
            )
        if last.units < 2:
            raise SpecError("the output layer needs at least 2 units, one a class", place)
        for index, layer in enumerate(self.layers[:-1]):
            if getattr(layer, "activation", None) == "softmax":
                raise SpecError(
                    f"softmax belongs to the output layer only, but {layer.describe()} is layer "
                    f"{index + 1} of {len(self.layers)}",
                    ("layers", index, "activation"),
                )

    def trace(self) -> tuple[LayerTrace, ...]:
        """Walk the shapes through the layers. Raises SpecError, with the layer's place."""
        traces: list[LayerTrace] = []
        shape: Shape = self.input_shape
        for index, layer in enumerate(self.layers):
            try:
                output_shape = layer.output_shape(shape)
            except SpecError as error:
                path = ("layers", index, *error.path)
                raise SpecError(f"layer {index + 1}: {error.reason}", path) from None
            traces.append(
                LayerTrace(
                    place=index,
                    layer=layer,
                    input_shape=shape,
                    output_shape=output_shape,
                    variables=tuple(
                        msgspec.structs.replace(one, name=f"layers.{index}.{one.name}")
                        for one in layer.variables(shape)
                    ),
                    count_formula=layer.count_formula(shape),
                    forward_flops=layer.forward_flops(shape),
                )
            )
            shape = output_shape
        return tuple(traces)

    @property
    def classes(self) -> int:
        """The number of classes: the units of the output layer."""
        return self.trace()[-1].output_shape[0]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every array that the model holds, in canonical order: layer by layer."""
        return tuple(variable for trace in self.trace() for variable in trace.variables)

    @property
    def variable_shapes(self) -> tuple[Shape, ...]:
        """The shapes of all variables, in canonical order."""
        return tuple(variable.shape for variable in self.variables)

    @property
    def parameter_count(self) -> int:
        """The number of values of all variables, trainable or not."""
        return sum(variable.count for variable in self.variables)

    @property
    def forward_flops(self) -> int:
        """Floating-point operations of one sample's forward pass (see `Layer.forward_flops`)."""
        return sum(trace.forward_flops for trace in self.trace())

    @property
    def training_flops(self) -> int:
        """Floating-point operations of one sample's forward and backward pass.

        The backward pass of a layer is two products of the forward's size, one for the gradient of
        its kernel and one for that of its input; the first layer that learns needs no gradient of
        its input. The optimiser's few operations a parameter are spread over a batch, not counted.
        """
        costs = [trace.forward_flops for trace in self.trace() if trace.variables]
        return 3 * sum(costs) - costs[0]
