"""`benchbench describe`: a model's layers, their shapes, parameters and arithmetic."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.errors import UsageError
from benchbench.experiments.names import find_model
from benchbench.plugins.registry import load_registry
from benchbench.report import model as report
from benchbench.report.renderers import json as as_json
from benchbench.report.renderers import terminal
from benchbench.spec import files
from benchbench.spec.description import describe as describe_model


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
        typer.echo(as_json.render(describe_model(spec), indent=2))
    else:
        typer.echo(terminal.render(report.build(describe_model(spec))))
