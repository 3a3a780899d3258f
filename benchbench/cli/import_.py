"""`benchbench import`: write a network of a Python file as a spec, and certify one by the other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.ports import traceback_shown

_TIMEOUT_SECONDS = 600.0


def import_(
    network: Annotated[str, typer.Argument(help="A network of your own file: my_model.py:build.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; its protocol goes beside it.")
    ],
    port_input: Annotated[
        str | None, typer.Option("--input", help="The shape of a sample, 28,28,1.")
    ] = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Write a Keras, torch or Flax network as a spec, and test that both train the same function.

    What no spec can hold is named, layer by layer, and then nothing is written.
    """
    from benchbench.experiments.importing import import_file
    from benchbench.plugins.registry import load_registry
    from benchbench.report.importing import build

    with traceback_shown():
        found = import_file(
            network, output, load_registry(), shape=port_input, timeout_seconds=timeout
        )
    answer(found, lambda: build(found), as_json=as_json, plain=True)
    raise typer.Exit(0 if found.report.same else 1)
