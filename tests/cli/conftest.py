"""The command line, called in this process as the `benchbench` command calls it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from benchbench.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def benchbench(capsys, monkeypatch) -> Callable[..., Answer]:
    """Run `benchbench ARGUMENTS...`."""
    # main() takes SIGTERM for itself.
    monkeypatch.setattr(main.signal, "signal", lambda *_: signal.SIG_DFL)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["benchbench", *arguments])
        with pytest.raises(SystemExit) as stop:
            main.main()
        said = capsys.readouterr()
        return Answer(int(stop.value.code or 0), said.out, said.err)

    return call
