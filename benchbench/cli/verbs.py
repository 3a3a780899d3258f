"""The command line as typer knows it."""

from __future__ import annotations

import typer

from benchbench.cli.groups import Verbs, common_options

app = typer.Typer(
    name="benchbench",
    cls=Verbs,
    callback=common_options,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
