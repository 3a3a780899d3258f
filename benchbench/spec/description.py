"""A model in figures: its layers, their shapes, parameters and arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from benchbench.spec.catalog import MODELS, PUBLISHED_ACCURACY, dataset_for
from benchbench.spec.identity import spec_sha256
from benchbench.spec.layers import chains_of
from benchbench.spec.model import LayerTrace, ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.variables import Shape

_DEFAULT_PROTOCOL = TrainingProtocol()


class LayerDescription(msgspec.Struct, frozen=True):
    """One layer. The FLOPs are those of one sample's forward pass."""

    layer: str
    output_shape: Shape
    parameter_count: int
    parameter_count_formula: str | None
    forward_flops: int


class ModelDescription(msgspec.Struct, frozen=True):
    """A model; FLOPs are of one sample, the hash is under the protocol, which is told in a line.

    `dataset` is the one that a model of the catalog is trained on, "auto" MNIST, or else digits.
    """

    name: str
    input_shape: Shape
    vocabulary: int | None
    layers: tuple[LayerDescription, ...]
    parameter_count: int
    trainable_count: int
    forward_flops: int
    training_flops: int
    protocol: str
    spec_sha256: str
    published_mnist_accuracy: float | None
    dataset: str | None


def describe(spec: ModelSpec, protocol: TrainingProtocol = _DEFAULT_PROTOCOL) -> ModelDescription:
    """Work out the figures of a model under a protocol."""
    # A user's file may bear a catalog name and train something else.
    ours = MODELS.get(spec.name) == spec
    return ModelDescription(
        name=spec.name,
        input_shape=spec.input_shape,
        vocabulary=spec.vocabulary,
        layers=tuple(_rows(spec.trace())),
        parameter_count=spec.parameter_count,
        trainable_count=spec.trainable_count,
        forward_flops=spec.forward_flops,
        training_flops=spec.training_flops,
        protocol=protocol.describe() + (" (the default)" if protocol == _DEFAULT_PROTOCOL else ""),
        spec_sha256=spec_sha256(spec, protocol),
        published_mnist_accuracy=PUBLISHED_ACCURACY.get(spec.name) if ours else None,
        dataset=dataset_for(spec),
    )


def _rows(traces: Iterable[LayerTrace], indentation: str = "") -> Iterator[LayerDescription]:
    """Yield a row for each layer; what a composite holds follows it, indented."""
    for trace in traces:
        yield LayerDescription(
            layer=indentation + trace.layer.describe(),
            output_shape=trace.output_shape,
            parameter_count=trace.parameter_count,
            parameter_count_formula=None if trace.chains else trace.count_formula or None,
            forward_flops=trace.forward_flops,
        )
        for (name, _), chain in zip(chains_of(trace.layer), trace.chains, strict=True):
            if len(chain) > 1:
                yield from _rows(chain, f"{indentation}  {name}: ")
