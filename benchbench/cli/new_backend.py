"""`benchbench new-backend`: write a small package with a backend that works, to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_backend(
    name: Annotated[str, typer.Argument(help="The backend's name: small letters, digits, dashes.")],
    into: Annotated[
        Path, typer.Option(help="The folder to write into: benchbench-NAME is made there.")
    ] = Path(),
) -> None:
    """Write the package benchbench-NAME: a working backend to start from, and its test."""
    import shlex

    from benchbench.experiments.package_template import write_package
    from benchbench.plugins.registry import load_registry

    folder, *paths = write_package(name, into, load_registry())
    typer.echo("\n".join(f"wrote {path}" for path in paths))
    typer.echo("\nnext:")
    typer.echo(f"  pip install -e {shlex.quote(str(folder))}")
    typer.echo(f"  benchbench conform {name}")
    typer.echo(f"  benchbench run --backend {name} --model single-layer")
