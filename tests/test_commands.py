"""The command that the tests fork is the one that a user starts."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "arguments",
    [("list", "--json"), ("describe", "no-such-model"), ("report", "--format", "nonsense")],
    ids=lambda arguments: arguments[0],
)
def test_a_forked_command_says_and_answers_what_python_does(command, arguments):
    forked, started = command(*arguments), command.by_hand(*arguments)
    assert (forked.stdout, forked.stderr) == (started.stdout, started.stderr)
    assert forked.returncode == started.returncode
