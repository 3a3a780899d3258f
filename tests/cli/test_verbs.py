"""The list of verbs, and that one of them does not import the others."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from benchbench.cli.groups import SHORT_HELP
from benchbench.cli.verbs import app
from benchbench.errors import UsageError


def test_every_verb_of_the_list_is_one():
    line = typer.main.get_command(app)
    assert line.list_commands(None) == list(SHORT_HELP)
    for name in SHORT_HELP:
        assert line.get_command(None, name).name == name
    with pytest.raises(UsageError, match="there is no command 'lst', did you mean 'list'"):
        line.get_command(None, "lst")


def test_help_and_refusals_call_kinds_of_values_by_plain_words():
    line = typer.main.get_command(app)
    kinds = {
        option.type.name
        for name in ("run", "doctor", "plot")
        for option in line.get_command(None, name).params
    }
    assert kinds == {"whole number", "number", "text", "path", "boolean"}


def test_a_verb_does_not_import_another():
    code = (
        "import sys, typer; from benchbench.cli.verbs import app; "
        "typer.main.get_command(app).get_command(None, 'list'); "
        "print([m for m in sys.modules if m.startswith('benchbench.cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "benchbench.cli.list_" in done.stdout
    assert "benchbench.cli.gate" not in done.stdout
    assert "benchbench.cli.run" not in done.stdout
