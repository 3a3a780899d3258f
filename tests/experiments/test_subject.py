"""What `certify` is asked about, and options that would change nothing."""

from __future__ import annotations

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.subject import find_subject

FILES = ("a.py:net", "b.py:net")


def test_what_is_given_says_what_is_certified():
    assert find_subject(FILES, ["networks", "--map", "--timeout", "--json"]) == "two"
    assert find_subject((), ["--backend", "--save", "--wide"]) == "ladder"
    assert find_subject((), ["--backend", "--outcome", "--margin"]) == "outcome"


@pytest.mark.parametrize(
    ("networks", "given", "message"),
    [
        ((), [], "got 0 networks and no backend"),
        (FILES[:1], ["--backend"], "got 1 network and --backend"),
        (FILES, ["--backend"], "--backend cannot be used to certify two networks"),
        (FILES, ["--seeds", "--epochs"], "--seeds, --epochs cannot"),
        ((), ["--backend", "--input"], "--input cannot be used to certify backends without"),
        ((), ["--backend", "--margin"], "--margin cannot be used to certify backends without"),
        ((), ["--backend", "--outcome", "--save"], "--save cannot be used .* with --outcome"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(networks, given, message):
    with pytest.raises(UsageError, match=message):
        find_subject(networks, given)


def test_the_command_names_the_option_that_stands_on_its_line(command):
    done = command("certify", "a.py:net", "b.py:net", "--epochs", "3")
    assert done.returncode == 2
    assert "--epochs cannot be used to certify two networks" in done.stderr
