"""The list of verbs in two groups: what a user needs, and what a developer needs."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from benchbench import __version__
from benchbench.errors import must_be_known

# What the list of verbs says of each; the help of the verb itself says more.
SHORT_HELP = {
    "run": "Train networks: which backend is faster, and is it the same?",
    "compare": "Ratios, confidence intervals and verdicts of saved runs.",
    "status": "How far a session has come, block by block.",
    "cancel": "End a session whose blocks run elsewhere.",
    "report": "Times, throughput, memory and accuracy of saved runs.",
    "plot": "Draw a figure of saved runs.",
    "export": "Write saved runs as other tools read them.",
    "certify": "Does a backend train the function of the specification?",
    "import": "Write a network of a Python file as a specification.",
    "list": "Backends, models and data sets, and how to get more.",
    "describe": "The layers of a model: shapes, parameters, FLOPs.",
    "doctor": "What is installed, what is broken, how noisy it is here.",
    "selftest": "The minimum detectable slowdown on this machine.",
    "new-backend": "Write a package with a backend that works.",
    "conform": "Run the conformance suite over a backend.",
    "gate": "Performance regression test against a git revision.",
    "data": "The data sets: status, fetch, verify.",
    "results": "Saved records: pack, unpack, verify.",
}
# The verbs whose module is not called as they are: a keyword, a hyphen.
_MODULES = {"list": "list_", "import": "import_", "new-backend": "new_backend", "cancel": "status"}
_DEVELOP = ("conform", "new-backend", "gate")
_KINDS = {"int range": "whole number", "float": "number", "str": "text"}


class Verbs(TyperGroup):
    """A command whose help lists its verbs under two headings; a verb is imported when it is used.

    To import them all takes longer than `list` does.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(SHORT_HELP)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        must_be_known("command", cmd_name, SHORT_HELP)
        name = _MODULES.get(cmd_name, cmd_name)
        module = importlib.import_module(f"benchbench.cli.{name}")
        verb = getattr(module, "app", None)
        if verb is None:
            verb = typer.Typer(add_completion=False, rich_markup_mode=None)
            verb.command(cmd_name)(getattr(module, cmd_name, None) or getattr(module, name))
        command = typer.main.get_command(verb)
        command.name = cmd_name
        for one in command.params:
            one.type.name = _KINDS.get(one.type.name, one.type.name)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups = {
            "Use": [name for name in SHORT_HELP if name not in _DEVELOP],
            "Develop": [name for name in SHORT_HELP if name in _DEVELOP],
        }
        for title, verbs in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name, SHORT_HELP[name]) for name in verbs])


def print_version(wanted: bool) -> None:
    """Print the version and end the command, where that was asked for."""
    if wanted:
        typer.echo(f"benchbench {__version__}")
        raise typer.Exit


def common_options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version),
    ] = False,
) -> None:
    """Which framework trains my network faster here, and do they even train the same thing?"""
