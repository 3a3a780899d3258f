"""The page "Import a network": its file, and its commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "import.md").read_text()


def test_the_page_is_one_screen():
    assert len(PAGE.splitlines()) < 80


@pytest.mark.exhaustive
@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_the_pages_commands_do_what_they_say(tmp_path):
    (tmp_path / "my_model.py").write_text(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1])
    lines = re.search(r"```console\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    commands = [shlex.split(line[2:])[1:] for line in lines if line.startswith("$ ")]
    for words in commands:
        more = ["--no-certify", "--epochs", "1", "--quick"] if words[0] == "run" else []
        done = subprocess.run(
            [sys.executable, "-m", "benchbench", *words, *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if words[0] == "import":
            shown = [line for line in lines if not line.startswith("$ ")]
            assert not [line for line in shown if line not in done.stdout.splitlines()], done.stdout
