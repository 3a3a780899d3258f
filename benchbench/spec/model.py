"""A network as data: its name, the shape of one input, its layers; and the arithmetic on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.fields import settle_fields
from benchbench.spec.layers import Count, Embedding, Layer, chains_of
from benchbench.spec.losses import OutputActivation
from benchbench.spec.placement import inside, misplaced
from benchbench.spec.variables import Shape, Variable

InputType: TypeAlias = Literal["float32", "int32"]

MOST_LAYERS = 1000
DEEPEST = 10


class LayerTrace(msgspec.Struct, frozen=True):
    """One layer in its place: what goes in, what comes out, what is learnt, what it costs.

    `place` is the layer's in its chain, from 0; `name` says which chain: `layers.3`, and
    `layers.3.shortcut.0` within a composite. `variables` bear their names in the model. `chains`
    are those of a composite, traced, in the order of its variables.
    """

    place: int
    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    variables: tuple[Variable, ...]
    count_formula: str
    forward_flops: int
    chains: tuple[tuple[LayerTrace, ...], ...] = ()

    @property
    def parameter_count(self) -> int:
        """How many values the layer's variables have together."""
        return sum(variable.count for variable in self.variables)

    def leaves(self) -> Iterator[LayerTrace]:
        """Yield the layers that hold no others, in the order of the model's variables."""
        if not self.chains:
            yield self
        for chain in self.chains:
            for trace in chain:
                yield from trace.leaves()


def trace_chain(layers: tuple[Layer, ...], input_shape: Shape, name: str) -> tuple[LayerTrace, ...]:
    """Walk the shapes through layers one after another. Raises SpecError, with the place."""
    traces: list[LayerTrace] = []
    shape = input_shape
    for index, layer in enumerate(layers):
        own_name = f"{name}.{index}"
        try:
            output_shape = layer.output_shape(shape)
        except SpecError as error:
            path = ("layers", index, *error.path)
            raise SpecError(f"layer {index + 1}: {error.reason}", path) from None
        traces.append(
            LayerTrace(
                place=index,
                name=own_name,
                layer=layer,
                input_shape=shape,
                output_shape=output_shape,
                variables=tuple(
                    msgspec.structs.replace(one, name=f"{own_name}.{one.name}")
                    for one in layer.variables(shape)
                ),
                count_formula=layer.count_formula(shape),
                forward_flops=layer.forward_flops(shape),
                chains=tuple(
                    trace_chain(chain, shape, f"{own_name}.{key}")
                    for key, chain in chains_of(layer)
                ),
            )
        )
        shape = output_shape
    return tuple(traces)


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A feed-forward network.

    `input_shape` is that of one sample: (height, width, channels) of an image, (features,) of a
    table's row, (steps,) of a text's tokens. `input_type` is "float32" for values and "int32" for
    tokens, which an Embedding takes, the first layer. The last layer is a Dense layer, whose
    activation says what it gives: softmax the probabilities of classes, sigmoid a probability for
    each output, linear values. Raises SpecError if the layers do not fit together.
    """

    original_fields: ClassVar = ("name", "input_shape", "layers")

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[a-z0-9][a-z0-9._-]*$",
            max_length=80,
            extra_json_schema={
                "description": "at most 80 small letters, digits, '.', '_' and '-', the first a "
                "letter or a digit"
            },
        ),
    ]
    input_shape: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1, max_length=8)]
    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1, max_length=MOST_LAYERS)]
    input_type: InputType = "float32"

    def __post_init__(self) -> None:
        _require_size(self.layers)
        settle_fields(self)
        self.trace()
        for error in misplaced(self.layers, self.input_type):
            raise error

    def trace(self) -> tuple[LayerTrace, ...]:
        """Walk the shapes through the layers. Raises SpecError, with the layer's place."""
        return trace_chain(self.layers, self.input_shape, "layers")

    def leaves(self) -> tuple[LayerTrace, ...]:
        """Return all layers that hold no others, in the order of the variables."""
        return tuple(leaf for trace in self.trace() for leaf in trace.leaves())

    @property
    def vocabulary(self) -> int | None:
        """How many tokens there are; None for a model that takes values."""
        first = self.layers[0]
        return first.vocabulary if isinstance(first, Embedding) else None

    @property
    def classes(self) -> int:
        """The number of classes of a softmax: the units of the output layer."""
        return self.output_shape[-1]

    @property
    def output_shape(self) -> Shape:
        """The shape of the output for one sample."""
        return self.trace()[-1].output_shape

    @property
    def output_activation(self) -> OutputActivation:
        """The activation of the output layer."""
        activation: OutputActivation = getattr(self.layers[-1], "activation", "linear")
        return activation

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
    def trainable_count(self) -> int:
        """The number of values of the variables that training changes by their gradient."""
        return sum(variable.count for variable in self.variables if variable.trainable)

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
        costs = [leaf.forward_flops for leaf in self.leaves() if leaf.variables]
        return 3 * sum(costs) - costs[0]


def _require_size(
    layers: Iterable[Layer], depth: int = 1, place: tuple[str | int, ...] = ("layers",)
) -> int:
    """Return how many layers there are. Raises SpecError for too many, or too deep in another."""
    if depth > DEEPEST:
        raise SpecError(
            f"layers lie in layers {depth} deep, at most {DEEPEST} are allowed: write them one "
            "after another",
            place,
        )
    count = 0
    for index, layer in enumerate(layers):
        count += 1
        for name, chain in chains_of(layer):
            count += _require_size(chain, depth + 1, inside((*place, index), name))
    if count > MOST_LAYERS:
        raise SpecError(
            f"the model has {count} layers, at most {MOST_LAYERS} are allowed", ("layers",)
        )
    return count
