"""The page "Compare two releases": its commands, with NumPy and an environment that is this one."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "compare-two-releases.md").read_text()
COMMANDS = [
    line.removeprefix("$ benchbench ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ benchbench ")
]
SHORT = {
    "run": ("--epochs", "3", "--blocks", "2", "--no-certify"),
    "gate": ("--epochs", "3", "--blocks", "2", "--max-blocks", "2", "--no-certify", "--quick"),
    "certify": (),
}


def test_the_page_is_one_screen():
    assert len(PAGE.splitlines()) < 80
    assert [command.split()[0] for command in COMMANDS] == ["run", "gate", "certify", "run"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("line", COMMANDS[:3])
def test_a_command_of_the_page_does_what_it_says(line, command, tmp_path):
    python = tmp_path / "venvs" / "old" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    verb, *words = shlex.split(line.replace("torch", "numpy"))
    words = [one for one in words if one not in {"--blocks", "5"}]
    more = () if verb == "certify" else ("--results", str(command.results), "--threads", "1")
    more += () if verb == "certify" else ("--dataset", str(command.dataset))
    done = command(verb, *words, *SHORT[verb], *more, cwd=tmp_path)
    said = done.stdout + done.stderr
    assert "numpy@venvs/old" in said, said
    if verb == "certify":
        assert done.returncode == 0, said
        assert "THE SAME FUNCTION" in done.stdout
    elif verb == "run":
        assert done.returncode == 0, said
    else:  # so short epochs have no verdict worth the name
        assert done.stdout.strip().splitlines()[-1].startswith(("PASS", "FAIL"))
