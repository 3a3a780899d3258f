"""`benchbench describe`: a model's layers, their shapes, parameters and arithmetic."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.errors import UsageError
from benchbench.experiments.names import find_model
from benchbench.experiments.selection import find_protocol
from benchbench.plugins.registry import load_registry
from benchbench.report import model as report
from benchbench.spec import files
from benchbench.spec.description import describe as describe_model


def describe(
    model: Annotated[
        str, typer.Argument(help="A model's name, or the path of a TOML file that describes one.")
    ],
    as_json: options.AsJson = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the model as TOML, to start one of your own.")
    ] = False,
    protocol: options.Protocol = None,
) -> None:
    """Print the layer table of a model: shapes, parameters and how they come about, FLOPs."""
    if as_json and toml:
        raise UsageError("--json and --toml are two answers: give one of them")
    spec = find_model(model, load_registry())
    described = describe_model(spec, find_protocol(protocol, None, models=[spec]))
    if toml:
        typer.echo(files.dump(spec), nl=False)
    else:
        answer(described, lambda: report.build(described), as_json=as_json, plain=True)
