"""A model's description as people read it: the layer table and the totals."""

from __future__ import annotations

from benchbench.report import text
from benchbench.report.document import Document, Facts, Paragraph, grid
from benchbench.spec.description import LayerDescription, ModelDescription
from benchbench.spec.variables import Shape


def build(model: ModelDescription) -> Document:
    """Return the layer table and the totals."""
    header = ["layer", "output shape", "parameters", "how they come about", "FLOPs per sample"]
    rows = [
        [
            layer.layer,
            _shape(layer.output_shape),
            text.count(layer.parameter_count),
            _formula(layer),
            text.count(layer.forward_flops),
        ]
        for layer in model.layers
    ]
    totals = [
        ("parameters", _parameters(model)),
        ("forward", f"{text.count(model.forward_flops)} FLOPs per sample"),
        ("training", f"{text.count(model.training_flops)} FLOPs per sample (forward and backward)"),
        ("protocol", model.protocol),
        ("spec", f"sha256 {model.spec_sha256} (with this protocol)"),
    ]
    if model.dataset is not None:
        totals.append(("trained on", text.data_set(model.dataset)))
    published = model.published_mnist_accuracy
    if published is not None:
        totals.append(("published", f"test accuracy {text.fraction(published)} on MNIST"))
    tokens = f" tokens of {model.vocabulary}" if model.vocabulary else ""
    return (
        Paragraph(f"{model.name}: input {_shape(model.input_shape)}{tokens}"),
        grid(rows, header, right=("parameters", "FLOPs per sample")),
        Facts(tuple(totals)),
    )


def _parameters(model: ModelDescription) -> str:
    count = text.count(model.parameter_count)
    if model.trainable_count == model.parameter_count:
        return count
    state = text.count(model.parameter_count - model.trainable_count)
    return f"{count}: {text.count(model.trainable_count)} trainable, {state} moving statistics"


def _formula(layer: LayerDescription) -> str:
    if not layer.parameter_count_formula:
        return ""
    return f"{layer.parameter_count_formula} = {text.count(layer.parameter_count)}"


def _shape(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
