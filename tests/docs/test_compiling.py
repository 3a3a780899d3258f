"""The page "Does compiling pay?": its command and its columns, on records that are kept."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compiling.md").read_text()


def test_the_command_of_the_page_shows_the_columns_of_the_page() -> None:
    (command,) = re.findall(r"^benchbench (compare .*)$", PAGE, re.M)
    words = [*shlex.split(command), "--results", str(ROOT / "results" / "verdicts")]
    done = subprocess.run(
        [sys.executable, "-m", "benchbench", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    columns = re.findall(r"^\| ([a-z -]+(?:ratio|epoch)) \|", PAGE, re.M)
    assert len(columns) == 4
    shown = re.sub(r"\s+", " ", done.stdout)
    assert not [name for name in columns if name not in shown]
