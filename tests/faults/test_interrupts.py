"""Whoever interrupts a command hears what became of the records."""

from __future__ import annotations

import errno
import signal
import sys

import pytest

from benchbench.cli import main
from benchbench.plugins import registry

VERBS = [
    ("run", "--backend", "numpy", "--model", "single-layer"),
    ("certify", "--backend", "numpy", "--model", "single-layer"),
    ("list",),
]


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_an_interrupt_within_a_verb_is_told_with_its_notes(monkeypatch, capsys, words):
    def interrupted(*_, **__):
        interrupt = KeyboardInterrupt()
        interrupt.add_note("the record x cannot be written; it is kept as /refuge/x")
        raise interrupt

    monkeypatch.setattr(registry, "load_registry", interrupted)
    monkeypatch.setattr(sys, "argv", ["benchbench", *words])
    assert main._run() == main.INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [
        "interrupted; what had finished is saved",
        "the record x cannot be written; it is kept as /refuge/x",
    ]
    # A second one would end it by a traceback, or, late in Python's own end, as that signal does.
    assert {signal.getsignal(ending) for ending in ENDING} == {signal.SIG_IGN}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "Usage: benchbench"),
        (("--help",), 0, ""),
        (("run",), 2, "run needs a --backend and a --model"),
        (("nonsense",), 2, "there is no command 'nonsense' (known: run, "),
        (("describe", "single-layer"), 0, ""),
        (("describe", "no-model"), 2, "error: "),
        (("results", "verify", "nowhere"), 2, "error: "),
    ],
)
def test_the_other_endings_have_their_exit_codes(monkeypatch, capsys, words, code, told):
    monkeypatch.setattr(sys, "argv", ["benchbench", *words])
    assert main._run() == code
    assert told in capsys.readouterr().err


def test_what_the_system_refuses_is_told_in_a_sentence(monkeypatch, capsys):
    def refused(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files", "/x")

    monkeypatch.setattr(registry, "load_registry", refused)
    monkeypatch.setattr(sys, "argv", ["benchbench", "list"])
    assert main._run() == 2
    assert capsys.readouterr().err == "error: Too many open files (/x)\n"


def test_a_current_folder_that_is_gone_is_told(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    monkeypatch.setattr(sys, "argv", ["benchbench", "report"])
    assert main._run() == 2
    assert "error: the current folder was removed or replaced: change to" in capsys.readouterr().err
