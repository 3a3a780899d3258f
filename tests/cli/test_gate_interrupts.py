"""Ctrl-C while `benchbench gate` is at work."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from gated import CERTIFIABLE, PLUGIN
from waiting import PATIENCE_SECONDS, wait_until

from benchbench.run.store import read


def test_ctrl_c_leaves_no_worktree_and_saves_what_was_done(gate, tmp_path):
    asleep = f"__import__('pathlib').Path({str(tmp_path / 'asleep')!r})"
    gate.plant(PLUGIN.replace("super().epoch()", f"{asleep}.touch(); __import__('signal').pause()"))
    words = gate.words("--blocks", "2")
    process = gate.command.start(*words, **gate.options({"start_new_session": True}))
    wait_until(lambda: process.poll() is not None or (tmp_path / "asleep").exists())
    assert len(gate.repository.worktrees()) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, stderr
    assert gate.leaves_nothing()
    records, _ = read(gate.command.results)
    assert {record.status for record in records} == {"interrupted"}


def test_ctrl_c_while_the_other_tree_certifies_leaves_no_process(gate, tmp_path):
    asleep = f"__import__('pathlib').Path({str(tmp_path / 'asleep')!r})"
    hangs = f"def create():\n    {asleep}.write_text(str(__import__('os').getpid()))\n"
    hangs += "    __import__('time').sleep(600)\n"
    gate.repository.commit("src/plugin.py", CERTIFIABLE.replace("def create():\n", hangs))
    gate.plant(CERTIFIABLE)
    words = gate.words(certify=True)
    process = gate.command.start(*words, **gate.options({"start_new_session": True}))
    told = tmp_path / "asleep"
    wait_until(lambda: process.poll() is not None or (told.exists() and told.read_text()))
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, stderr
    # Nobody else would wake it.
    wait_until(lambda: not (Path("/proc") / told.read_text()).exists())
    assert gate.leaves_nothing()
