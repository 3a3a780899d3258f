"""Every verb at a terminal of 80 columns: no line is wider, verdicts are in colour."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import PATIENCE_SECONDS

from benchbench import __version__
from benchbench.printable import one_line
from benchbench.report.document import Grid
from benchbench.report.renderers import terminal
from benchbench.report.renderers.columns import cells

RESULTS = Path(__file__).parents[2] / "results"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
COMMANDS = {
    "compare": ("compare", "--results", str(RESULTS / "verdicts"), "--baseline", "keras"),
    "report": ("report", "--results", str(RESULTS / "verdicts")),
    "describe": ("describe", "deeper-cnn"),
    "list": ("list",),
    "help": ("-h",),
}


def at_a_terminal(*arguments: str, **environment: str) -> str:
    """Run a command in a pseudo-terminal of 80 columns; return what it printed."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    inherited = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchbench", *arguments],
        **dict.fromkeys(("stdin", "stdout", "stderr"), follower),
        env=inherited | {"TERM": "xterm"} | environment,
    )
    os.close(follower)
    printed = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while chunk := os.read(leader, 65536):
            printed += chunk
    os.close(leader)
    assert process.wait(timeout=PATIENCE_SECONDS) == 0, printed
    return printed.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_line_is_wider_than_the_terminal(arguments):
    lines = ESCAPE.sub("", at_a_terminal(*arguments)).splitlines()
    assert len(lines) > 5
    assert max(map(cells, lines)) <= 80


def test_a_terminal_sees_colours_unless_it_refuses_them():
    assert "\x1b[32mFASTER" in at_a_terminal(*COMMANDS["compare"])
    assert "\x1b" not in at_a_terminal(*COMMANDS["compare"], NO_COLOR="1")


def test_a_wide_table_has_every_column_and_a_pipe_has_markdown(benchbench):
    narrow = benchbench(*COMMANDS["compare"]).stdout
    wide = benchbench(*COMMANDS["compare"], "--wide").stdout
    assert narrow.startswith("## ")
    for header in ("epoch s, range", "cold total ratio (95 %)", "noisy epochs", "seeds"):
        assert header in wide
        assert header not in narrow


def test_the_version_and_short_help(benchbench):
    assert benchbench("--version").stdout == f"benchbench {__version__}\n"
    shown = benchbench("-h").stdout
    assert shown.index("Use:") < shown.index("  run ") < shown.index("Develop:")
    assert shown.index("Develop:") < shown.index("  gate ")
    assert "--blocks" in benchbench("run", "-h").stdout


def test_a_quick_session_has_no_end_by_verdicts(benchbench):
    answer = benchbench(
        *("run", "--backend", "numpy", "--model", "single-layer", "--quick", "--until", "verdict")
    )
    assert answer.exit_code == 2
    assert "--quick gives no verdict" in answer.stderr


@given(
    st.lists(st.lists(st.text(max_size=60), min_size=4, max_size=4), max_size=4),
    st.integers(40, 100),
)
def test_a_table_fits_whatever_it_holds_and_loses_nothing(rows, width):
    table = Grid(("name", "words of some length", "n", "state"), tuple(map(tuple, rows)))
    text = terminal.render((table,), width=width)
    assert max(map(cells, text.splitlines())) <= width
    kept = re.sub(r"[\s-]", "", text)
    for row in rows:
        for cell in row:
            for character in re.sub(r"[\s-]", "", one_line(cell)):
                assert character in kept
