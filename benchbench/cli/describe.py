"""`benchbench describe`: a model's layers, their shapes, parameters and arithmetic."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from benchbench.cli import options
from benchbench.errors import UsageError
from benchbench.experiments.names import find_model
from benchbench.plugins.registry import load_registry
from benchbench.report import text
from benchbench.spec import files
from benchbench.spec.catalog import MODELS, PUBLISHED_ACCURACY
from benchbench.spec.identity import spec_sha256
from benchbench.spec.model import LayerTrace, ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.variables import Shape


class LayerDescription(msgspec.Struct, frozen=True):
    """One layer of `--json`. The FLOPs are those of one sample's forward pass."""

    layer: str
    output_shape: Shape
    parameter_count: int
    parameter_count_formula: str | None
    forward_flops: int


class Description(msgspec.Struct, frozen=True):
    """The answer of `--json`; FLOPs are of one sample, the hash is under the default protocol."""

    name: str
    input_shape: Shape
    layers: tuple[LayerDescription, ...]
    parameter_count: int
    forward_flops: int
    training_flops: int
    spec_sha256: str
    published_mnist_accuracy: float | None


def describe(
    model: Annotated[
        str, typer.Argument(help="A model's name, or the path of a TOML file that describes one.")
    ],
    json: options.AsJson = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the model as TOML, to start one of your own.")
    ] = False,
) -> None:
    """Print the layer table of a model: shapes, parameters and how they come about, FLOPs."""
    if json and toml:
        raise UsageError("--json and --toml are two answers: give one of them")
    spec = find_model(model, load_registry())
    if toml:
        typer.echo(files.dump(spec), nl=False)
    elif json:
        typer.echo(msgspec.json.format(msgspec.json.encode(_description(spec)), indent=2))
    else:
        typer.echo(render(spec))


def render(spec: ModelSpec) -> str:
    """Return the layer table and the totals as plain text."""
    header = ["layer", "output shape", "parameters", "how they come about", "FLOPs per sample"]
    rows = [
        [
            trace.layer.describe(),
            _shape(trace.output_shape),
            text.count(trace.parameter_count),
            _formula(trace),
            text.count(trace.forward_flops),
        ]
        for trace in spec.trace()
    ]
    totals = [
        ("parameters", text.count(spec.parameter_count)),
        ("forward", f"{text.count(spec.forward_flops)} FLOPs per sample"),
        ("training", f"{text.count(spec.training_flops)} FLOPs per sample (forward and backward)"),
        ("spec", f"sha256 {_default_hash(spec)} (with the default protocol)"),
    ]
    published = _published(spec)
    if published is not None:
        totals.append(("published", f"test accuracy {text.fraction(published)} on MNIST"))
    return "\n\n".join(
        [
            f"{spec.name}: input {_shape(spec.input_shape)}",
            text.columns(rows, header, right=("parameters", "FLOPs per sample")),
            text.facts(totals),
        ]
    )


def _description(spec: ModelSpec) -> Description:
    return Description(
        name=spec.name,
        input_shape=spec.input_shape,
        layers=tuple(
            LayerDescription(
                layer=trace.layer.describe(),
                output_shape=trace.output_shape,
                parameter_count=trace.parameter_count,
                parameter_count_formula=trace.count_formula or None,
                forward_flops=trace.forward_flops,
            )
            for trace in spec.trace()
        ),
        parameter_count=spec.parameter_count,
        forward_flops=spec.forward_flops,
        training_flops=spec.training_flops,
        spec_sha256=_default_hash(spec),
        published_mnist_accuracy=_published(spec),
    )


def _published(spec: ModelSpec) -> float | None:
    # A user's file may bear a catalog name and train something else.
    return PUBLISHED_ACCURACY.get(spec.name) if MODELS.get(spec.name) == spec else None


def _default_hash(spec: ModelSpec) -> str:
    return spec_sha256(spec, TrainingProtocol())


def _formula(trace: LayerTrace) -> str:
    if not trace.count_formula:
        return ""
    return f"{trace.count_formula} = {text.count(trace.parameter_count)}"


def _shape(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
